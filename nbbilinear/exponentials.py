"""Sigmoid and softmax without overflow, on arrays of NumPy or CuPy."""

from typing import Any

import numpy as np

Array = Any


def sigmoid(x: Array) -> Array:
    """Return ``1 / (1 + exp(-x))`` of an array of floats, exact to a few roundings wherever it does not underflow.

    Examples
    --------
    >>> sigmoid(np.array([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    """
    # exp(min(x, 0)) / (1 + exp(-|x|)). To choose between 1 and one exp by the sign of x with np.where costs 2.5 times
    # as much on random signs, whose branches no processor predicts; tanh(x / 2) is quickest and gives 0 at x = -40.
    y = np.exp(np.minimum(x, 0))
    y /= np.exp(-abs(x)) + 1
    return y


def softmax(x: Array, axis: int) -> Array:
    """Return ``exp(x)`` divided by its sum along an axis. NaN where an axis has none but ``-inf``, or ``+inf``.

    Examples
    --------
    >>> softmax(np.array([[1e4, 1e4, -1e4]]), axis=-1)
    array([[0.5, 0.5, 0. ]])
    """
    if not x.size:  # nothing has no maximum
        return x.copy()
    y = np.exp(x - x.max(axis=axis, keepdims=True))
    y /= y.sum(axis=axis, keepdims=True)
    return y
