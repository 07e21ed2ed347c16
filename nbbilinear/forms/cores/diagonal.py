"""The diagonal core with weights: products of numbers at the same place, mixed into outputs."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..steps import Bound, Lay, Plain

Array = Any


class Diagonal(NamedTuple):
    """z[s,n,m,k] = sum_r c[k,r] sum_h u[s,n,h,r] v[s,m,h,r]; the axis h may be absent.

    Cost: rows, 2 h r + 2 k r flop each and r numbers of workspace; all pairs, 2 n m k h r flop in one matrix product
    straight into z, and m k h r numbers.
    """

    name: str
    lay: Lay = Plain()

    @property
    def uses(self) -> Mapping[str, Lay]:
        """The weights c."""
        return {self.name: self.lay}

    def apply(self, u: Array, v: Array, p: Bound) -> Array:
        """Return z."""
        c = p.arrays[self.name]
        shared, n, m = len(u), u.shape[1], v.shape[1]
        if n == m == 1:
            return (_products(u, v, c.shape[1]) @ c.T).reshape(shared, 1, 1, len(c))
        if n == 1:
            return self.apply(v, u, p).reshape(shared, 1, m, len(c))
        w = _weighted(v, c)
        return (_flat(u) @ w.swapaxes(1, 2)).reshape(shared, n, m, len(c))

    def pull(self, g: Array, u: Array, v: Array, p: Bound, wanted: tuple[bool, bool]) -> tuple[Array, Array]:
        """Du = sum_mk g c v, dv = sum_nk g c u, dc = sum_snm g (sum_h u v)."""
        c = p.arrays[self.name]
        shared, n, m = len(u), u.shape[1], v.shape[1]
        if n == m == 1:
            g = g.reshape(shared, len(c))
            if p.gradients is not None:
                p.add(self.name, g.T @ _products(u, v, c.shape[1]))
            by_place = (g @ c).reshape(shared, *(1,) * (u.ndim - 2), c.shape[1])
            return (by_place * v if wanted[0] else None, by_place * u if wanted[1] else None)
        if n == 1:
            du, dv = self.pull(g.reshape(shared, m, 1, len(c)), v, u, p, wanted[::-1])
            return dv, du
        g = g.reshape(shared, n, m * len(c))
        du = (g @ _weighted(v, c)).reshape(u.shape) if wanted[0] else None
        if not wanted[1] and p.gradients is None:
            return du, None
        dw = (g.swapaxes(1, 2) @ _flat(u)).reshape(shared, m, len(c), -1, c.shape[1])
        seen = v.reshape(shared, m, -1, c.shape[1])
        if p.gradients is not None:
            p.add(self.name, np.einsum("smkhr,smhr->kr", dw, seen))
        return du, np.einsum("smkhr,kr->smhr", dw, c).reshape(v.shape) if wanted[1] else None

    def exchange(self) -> "Diagonal":
        """Products do not know which factor came first."""
        return self


def _flat(x: Array) -> Array:
    return x.reshape(*x.shape[:2], int(np.prod(x.shape[2:])))


def _products(u: Array, v: Array, rank: int) -> Array:
    """sum_h u v of paired rows."""
    found = (u * v).reshape(len(u), -1, rank) if u.size else np.zeros((len(u), 1, rank), u.dtype)
    return found[:, 0] if found.shape[1] == 1 else found.sum(axis=1)


def _weighted(v: Array, c: Array) -> Array:
    """w[s,(m,k),(h,r)] = v[s,m,h,r] c[k,r]."""
    seen = v.reshape(*v.shape[:2], 1, -1, c.shape[1])
    return (seen * c[:, None]).reshape(len(v), v.shape[1] * len(c), -1)
