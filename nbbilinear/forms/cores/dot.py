"""The diagonal core without weights: one inner product for each output."""

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ...axes import Shape
from ..maps import NONE
from ..steps import Bound, Lay

Array = Any


class Dot(NamedTuple):
    """z[s,n,m,k] = sum_r u[s,n,k,r] v[s,m,k,r], where r may be several axes.

    Cost: 2 k r flop for each pair of rows that meet; all pairs are k matrix products, and a copy of z.
    """

    @property
    def by_row(self) -> bool:
        """A stack is taken form by form."""
        return False

    @property
    def uses(self) -> Mapping[str, Lay]:
        """No parameter."""
        return NONE

    def numbers(self, p: Bound) -> int:  # noqa: ARG002
        """Return how many numbers are held for each row."""
        return 0

    def apply(self, u: Array, v: Array, p: Bound) -> Array:  # noqa: ARG002
        """Return z."""
        a, b = _flat(u), _flat(v)
        if u.shape[1] == v.shape[1] == 1:
            return np.einsum("skr,skr->sk", a[:, 0], b[:, 0])[:, None, None]
        return (a.transpose(0, 2, 1, 3) @ b.transpose(0, 2, 3, 1)).transpose(0, 2, 3, 1)

    def pull(self, g: Array, u: Array, v: Array, p: Bound, wanted: tuple[bool, bool]) -> tuple[Array, Array]:  # noqa: ARG002
        """Du = sum_m g v, dv = sum_n g u."""
        if u.shape[1] == v.shape[1] == 1:
            by_output = g.reshape(len(g), 1, g.shape[-1], *(1,) * (u.ndim - 3))
            return (by_output * v if wanted[0] else None, by_output * u if wanted[1] else None)
        a, b, by_output = _flat(u), _flat(v), g.transpose(0, 3, 1, 2)
        du = (by_output @ b.swapaxes(1, 2)).swapaxes(1, 2).reshape(u.shape) if wanted[0] else None
        dv = (by_output.swapaxes(2, 3) @ a.swapaxes(1, 2)).swapaxes(1, 2).reshape(v.shape) if wanted[1] else None
        return du, dv

    def flop(self, rows: tuple[int, int, int], u: Shape, v: Shape, p: Bound) -> int:  # noqa: ARG002
        """2 k r for each pair of rows that meet."""
        return 2 * prod(rows) * prod(u)

    def exchange(self) -> "Dot":
        """Products do not know which factor came first."""
        return self


def _flat(x: Array) -> Array:
    return x.reshape(*x.shape[:3], prod(x.shape[3:]))
