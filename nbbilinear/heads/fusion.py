"""Fusions: one result of several channels, or of several heads."""

from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any
Pullback = Callable[[Array], Array]


def mean(y: Array) -> tuple[Array, Pullback]:
    """The mean over channels, as tinyBIG computes it."""
    return (y[0] if len(y) == 1 else y.mean(axis=0)), lambda grad: _repeated(grad / len(y), len(y))


def total(y: Array) -> tuple[Array, Pullback]:
    """The sum over channels, as tinyBIG documents it."""
    return (y[0] if len(y) == 1 else y.sum(axis=0)), lambda grad: _repeated(grad, len(y))


FUSIONS: dict[str, Callable[[Array], tuple[Array, Pullback]]] = {"mean": mean, "sum": total}


def concatenated(parts: list[Array], w: Array) -> tuple[Array, Callable[[Array], tuple[list[Array], Array]]]:
    """A matrix of results side by side, ``y = [part 0, part 1, ...] w'``, and the pullback to each part and w.

    Parameters
    ----------
    parts : list of (b, n) arrays
    w : (outputs, count * n) array

    Notes
    -----
    The parts are not put side by side: y is the sum of each with its columns of w.
    Source: ``parameterized_concatenation_fusion`` of tinyBIG 0.2.1.

    Examples
    --------
    >>> concatenated([np.array([[1.0]]), np.array([[2.0]])], np.array([[10.0, 1.0]]))[0]
    array([[12.]])
    """
    columns = np.split(w, len(parts), axis=1)
    y = sum(part @ one.T for part, one in zip(parts, columns, strict=True))

    def pullback(grad: Array) -> tuple[list[Array], Array]:
        return [grad @ one for one in columns], np.concatenate([grad.T @ part for part in parts], axis=1)

    return y, pullback


def _repeated(grad: Array, channels: int) -> Array:
    return np.broadcast_to(grad, (channels, *grad.shape))
