"""What losses return, and what they ask of their operands."""

from typing import Any, NamedTuple

import numpy as np

from ..arrays import floats, of_one_library
from ..errors import DTypeError, ShapeError, report

Array = Any


class Loss(NamedTuple):
    """A loss, and its gradient by the scores in their shape and dtype."""

    value: Array
    grad: Array


class PairLoss(NamedTuple):
    """A loss of two inputs, and its gradients by them in their shape and dtype."""

    value: Array
    dx1: Array
    dx2: Array


def compared(verb: str, targets: Array, **scores: Array) -> tuple[Array, ...]:
    """Return the targets in the dtype of the scores, then the scores: arrays of one library and of one shape.

    Parameters
    ----------
    verb : str
        The loss, for messages.
    targets : array of real numbers
    **scores : arrays of float32 or float64
        By the names under which the caller knows them; promoted to one dtype.

    Returns
    -------
    tuple of arrays

    Raises
    ------
    ShapeError
        The shapes differ, or there are no elements, so that there is no mean.
    DTypeError
        Scores are not float32 or float64, or targets are not real.
    BackendError
        Operands are of different libraries.

    Examples
    --------
    >>> compared("mse", [1, 2], predictions=np.zeros(2, np.float32))
    (array([1., 2.], dtype=float32), array([0., 0.], dtype=float32))
    """
    given = of_one_library(verb, {**scores, "targets": targets})
    if len({a.shape for a in given.values()}) > 1:
        raise ShapeError(report(f"{verb}: shapes differ", ["expected one shape for all operands"], given))
    arrays = floats(verb, {name: given[name] for name in scores})
    dtype = np.result_type(*(a.dtype for a in arrays.values()))
    if not np.can_cast(given["targets"].dtype, dtype, "same_kind"):
        raise DTypeError(report(f"{verb}: targets", ["targets must be real numbers"], given))
    if not given["targets"].size:
        raise ShapeError(report(f"{verb}: no mean", ["operands need an element"], given))
    return tuple(a.astype(dtype, copy=False) for a in (given["targets"], *arrays.values()))
