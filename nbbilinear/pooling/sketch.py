"""Count sketches: many features added up, with signs, in few places."""

from typing import Any, NamedTuple, Self

import numpy as np

from ..scalars import random_generator, whole

Array = Any


class Sketch(NamedTuple):
    """Where each feature goes, and with which sign.

    Attributes
    ----------
    place : (features,) int64 array
        From 0 to ``size - 1``.
    sign : (features,) int8 array of 1 and -1
    size : int

    Notes
    -----
    Keep it with a model's parameters: what was learned with one sketch means nothing under another.
    Source: Charikar, Chen and Farach-Colton 2002.

    Examples
    --------
    >>> sketch = Sketch(np.array([0, 1, 0]), np.array([1, 1, -1]), size=2)
    >>> sketch.apply(np.array([5.0, 7.0, 2.0]))
    array([3., 7.])
    """

    place: Array
    sign: Array
    size: int

    @classmethod
    def drawn(cls, features: int, size: int, rng: int | np.random.Generator | None = None) -> Self:
        """Return a sketch with random places and signs; the same int gives the same sketch."""
        features, size = whole("Sketch: features", features, least=0), whole("Sketch: size", size, least=1)
        generator = random_generator(rng)
        place = generator.integers(size, size=features)
        return cls(place, (2 * generator.integers(2, size=features) - 1).astype(np.int8), size)

    def apply(self, x: Array) -> Array:
        """Return (..., size) sums of x (..., features). Cost: one pass over x, and a copy of it."""
        y = np.zeros((*x.shape[:-1], self.size), x.dtype)
        if self.place.size:
            order = np.argsort(self.place, kind="stable")
            there = self.place[order]
            starts = np.flatnonzero(np.diff(there, prepend=-1))
            y[..., there[starts]] = np.add.reduceat(x[..., order] * self.sign[order].astype(x.dtype), starts, axis=-1)
        return y

    def pull(self, g: Array) -> Array:
        """Return the gradient of x (..., features) from that of its sketch: the adjoint of :meth:`apply`."""
        return g[..., self.place] * self.sign.astype(g.dtype)
