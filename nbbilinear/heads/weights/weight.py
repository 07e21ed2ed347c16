"""What a weight of a head is: a matrix that is made of a flat vector, and the factors in which it is used."""

from abc import abstractmethod
from collections.abc import Callable
from math import isqrt, prod
from typing import Any, NamedTuple

import numpy as np

from ...errors import ShapeError, report
from ..part import Part
from .operators import Operator

Array = Any


class Factors(NamedTuple):
    """A matrix as ``left`` or ``left right``, and the way back to the vector it is made of.

    Attributes
    ----------
    left : Operator, (rows, width)
    right : Operator, (width, columns), or None for the identity
    pull : callable
        From the gradients of left and right (None where there is none) to that of the vector.
    """

    left: Operator
    right: Operator | None
    pull: Callable[[Array, Array | None], Array]


class Weight(Part):
    """Base of the weights: matrices (rows, columns) that are made of ``length`` numbers, one vector for each channel.

    Notes
    -----
    Vectors are (channels, length); they are cut in order, and the pieces are read row by row.
    """

    @abstractmethod
    def length(self, rows: int, columns: int) -> int:
        """Return how many numbers a (rows, columns) matrix is made of; ConfigError where it cannot be made."""

    @abstractmethod
    def expanded(self, w: Array, rows: int, columns: int) -> Factors:
        """Return the matrix in full as ``left`` (a Dense), without ``right``: the definition."""

    def factors(self, w: Array, rows: int, columns: int) -> Factors:
        """Return the matrix in the factors that are cheapest to multiply with."""
        return self.expanded(w, rows, columns)

    def expand(self, w: Array, rows: int, columns: int) -> Array:
        """Return the matrices (channels, rows, columns). For tests and small sizes."""
        self.check_vectors(type(self).__name__, w, rows, columns)
        return self.expanded(w, rows, columns).left.matrix  # type: ignore[union-attr]  # a Dense, as said above

    def check_vectors(self, owner: str, w: Array, rows: int, columns: int) -> None:
        """Refuse vectors that are not (channels, length); ShapeError."""
        length = self.length(rows, columns)
        if w.ndim != 2 or w.shape[1] != length:
            fault = f"w must be (channels, {length}) for a ({rows}, {columns}) matrix by {self}"
            raise ShapeError(report(f"{owner}: operands do not fit", [fault], {"w": w}))


def close_factor(size: int) -> int:
    """Return the largest divisor that is not above the square root; 1 for primes.

    Examples
    --------
    >>> [close_factor(size) for size in (784, 12, 13, 1)]
    [28, 3, 1, 1]
    """
    return next(factor for factor in range(isqrt(size), 0, -1) if size % factor == 0)


def cut(w: Array, *shapes: tuple[int, ...]) -> list[Array]:
    """Cut the vectors (channels, length) into arrays (channels, *shape), one after the other; views.

    Examples
    --------
    >>> [a.tolist() for a in cut(np.arange(6)[None], (2, 2), (2,))]
    [[[[0, 1], [2, 3]]], [[4, 5]]]
    """
    found, start = [], 0
    for shape in shapes:
        stop = start + prod(shape)
        found.append(w[:, start:stop].reshape(len(w), *shape))
        start = stop
    return found


def joined(*parts: Array) -> Array:
    """Return arrays (channels, ...) as vectors (channels, length), one after the other; the inverse of :func:`cut`.

    Examples
    --------
    >>> joined(np.ones((1, 2, 1)), np.zeros((1, 2)))
    array([[1., 1., 0., 0.]])
    """
    return np.concatenate([a.reshape(len(a), -1) for a in parts], axis=1)
