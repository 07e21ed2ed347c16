"""The diagonal core with weights: products of numbers at the same place, mixed into outputs."""

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ...axes import Shape
from ...compiled import core_loops
from ..steps import Bound, Lay, Plain

Array = Any
# Outputs up to which compiled loops beat a matrix product, on (4096, 128) in float32, one thread: forward 0.29 and
# 0.44 ms for one, 0.38 and 0.53 for 4, 0.56 and 0.54 for 8; backward 1.3 and 2.0 for one, 1.7 and 1.5 for two.
FEW, FEW_BACKWARD = 4, 1


class Diagonal(NamedTuple):
    """z[s,n,m,k] = sum_r c[k,r] sum_h u[s,n,h,r] v[s,m,h,r]; the axis h may be absent. In a stack, c is each row's own.

    Cost: rows, 2 h r + 2 k r flop each, and r numbers of workspace (none in the compiled loops, for few outputs); all
    pairs, 2 n m k h r flop in one matrix product straight into z, and m k h r numbers.
    """

    name: str
    lay: Lay = Plain()

    @property
    def by_row(self) -> bool:
        """A stack is taken whole."""
        return True

    @property
    def uses(self) -> Mapping[str, Lay]:
        """The weights c."""
        return {self.name: self.lay}

    def numbers(self, p: Bound) -> int:
        """Return how many numbers are held for each row."""
        return 2 * int(p.arrays[self.name].shape[-1])

    def apply(self, u: Array, v: Array, p: Bound) -> Array:
        """Return z."""
        c = self._weights(p)
        shared, n, m, k = len(u), u.shape[1], v.shape[1], c.shape[-2]
        if n == m == 1:
            return self._rows(u, v, c, p).reshape(shared, 1, 1, k)
        if n == 1 and p.which is None:
            return self.apply(v, u, p).reshape(shared, 1, m, k)
        w = _weighted(v, _of_rows(c, p))
        return (_flat(u) @ w.swapaxes(1, 2)).reshape(shared, n, m, k)

    def pull(self, g: Array, u: Array, v: Array, p: Bound, wanted: tuple[bool, bool]) -> tuple[Array, Array]:
        """Du = sum_mk g c v, dv = sum_nk g c u, dc = sum_snm g (sum_h u v)."""
        c = self._weights(p)
        shared, n, m, k = len(u), u.shape[1], v.shape[1], c.shape[-2]
        if n == m == 1:
            return self._pull_rows(g.reshape(shared, k), u, v, c, p, wanted)
        if n == 1 and p.which is None:
            du, dv = self.pull(g.reshape(shared, m, 1, k), v, u, p, wanted[::-1])
            return dv, du
        g, own = g.reshape(shared, n, m * k), _of_rows(c, p)
        du = (g @ _weighted(v, own)).reshape(u.shape) if wanted[0] else None
        if not wanted[1] and p.gradients is None:
            return du, None
        dw = (g.swapaxes(1, 2) @ _flat(u)).reshape(shared, m, k, -1, c.shape[-1])
        seen = v.reshape(shared, m, -1, c.shape[-1])
        if p.gradients is not None and p.which is None:
            p.add(self.name, np.einsum("smkhr,smhr->kr", dw, seen))
        elif p.gradients is not None:
            _scatter(p.gradients[self.name], p.which, np.einsum("smkhr,smhr->smkr", dw, seen))
        subscripts = "smkhr,kr->smhr" if p.which is None else "smkhr,smkr->smhr"
        return du, np.einsum(subscripts, dw, own).reshape(v.shape) if wanted[1] else None

    def flop(self, rows: tuple[int, int, int], u: Shape, v: Shape, p: Bound) -> int:  # noqa: ARG002
        """Rows: the products, and their sums for each output; all pairs: one matrix product with weighted v."""
        shared, n, m = rows
        outputs, rank = map(int, self._weights(p).shape[-2:])
        if n == m == 1:
            return shared * 2 * (prod(u) + outputs * rank)
        return shared * (2 * n + 1) * m * outputs * prod(u)

    def exchange(self) -> "Diagonal":
        """Products do not know which factor came first."""
        return self

    def _weights(self, p: Bound) -> Array:
        return p.arrays[self.name]

    def _rows(self, u: Array, v: Array, c: Array, p: Bound) -> Array:
        """z[b,k] of paired rows."""
        loops = core_loops("diagonal", p.backend, u.size, u, v, c) if c.shape[-2] <= FEW else None
        if loops is not None:
            z = np.empty((len(u), c.shape[-2]), u.dtype)
            stack = c.reshape(-1, *c.shape[-2:])
            loops.forward(_halves(u, c), _halves(v, c), stack, _flat_which(p, stack), z)
            return z
        products = _products(u, v, c.shape[-1])
        return products @ c.T if p.which is None else np.einsum("br,bkr->bk", products, _of_rows(c, p)[:, 0])

    def _pull_rows(
        self, g: Array, u: Array, v: Array, c: Array, p: Bound, wanted: tuple[bool, bool]
    ) -> tuple[Array, Array]:
        loops = core_loops("diagonal", p.backend, u.size, u, v, c) if c.shape[-2] <= FEW_BACKWARD else None
        if loops is not None:
            du, dv = (np.empty(u.shape, u.dtype) if want else None for want in wanted)
            views = (None if a is None else _halves(a, c) for a in (du, dv))
            stack = c.reshape(-1, *c.shape[-2:])
            which = _flat_which(p, stack)
            dc = None if p.gradients is None else np.zeros_like(stack)
            loops.backward(np.ascontiguousarray(g), _halves(u, c), _halves(v, c), stack, which, *views, dc)
            if dc is not None:
                p.add(self.name, dc.reshape(c.shape))
            return du, dv
        own = None if p.which is None else _of_rows(c, p)[:, 0]
        if p.gradients is not None:
            products = _products(u, v, c.shape[-1])
            if own is None:
                p.add(self.name, g.T @ products)
            else:
                _scatter(p.gradients[self.name], p.which, (g[:, :, None] * products[:, None])[:, None])
        mixed = g @ c if own is None else np.einsum("bk,bkr->br", g, own)
        by_place = mixed.reshape(len(u), *(1,) * (u.ndim - 2), c.shape[-1])
        return (by_place * v if wanted[0] else None, by_place * u if wanted[1] else None)


def _flat(x: Array) -> Array:
    return x.reshape(*x.shape[:2], prod(x.shape[2:]))


def _halves(x: Array, c: Array) -> Array:
    """Paired rows as (rows, h, rank)."""
    return x.reshape(len(x), x.size // max(1, len(x) * c.shape[-1]), c.shape[-1])


def _flat_which(p: Bound, stack: Array) -> Array | None:
    """The form of each row; None where there is one, or one that all share."""
    return None if p.which is None or len(stack) == 1 else np.ascontiguousarray(p.which.reshape(-1))


def _products(u: Array, v: Array, rank: int) -> Array:
    """sum_h u v of paired rows."""
    found = (u * v).reshape(len(u), -1, rank) if u.size else np.zeros((len(u), 1, rank), u.dtype)
    return found[:, 0] if found.shape[1] == 1 else found.sum(axis=1)


def _of_rows(c: Array, p: Bound) -> Array:
    """The weights of each row of v (s, m, k, r) from a stack (one for all: those), or the one there is."""
    if p.which is None:
        return c
    return c[p.which] if len(c) > 1 else np.broadcast_to(c[0], (*p.which.shape, *c.shape[1:]))


def _scatter(total: Array, which: Array, rows: Array) -> None:
    """Add the gradients of rows to those of the forms that they use; one that all share gets them all."""
    flat = rows.reshape(-1, *rows.shape[2:])
    if len(total) == 1:
        total[0] += flat.sum(axis=0)
        return
    order = np.argsort(which, axis=None, kind="stable")
    there = which.reshape(-1)[order]
    starts = np.flatnonzero(np.diff(there, prepend=-1))
    total[there[starts]] += np.add.reduceat(flat[order], starts, axis=0)


def _weighted(v: Array, c: Array) -> Array:
    """w[s,(m,k),(h,r)] = v[s,m,h,r] c[k,r], or c[s,m,k,r]."""
    seen = v.reshape(*v.shape[:2], 1, -1, c.shape[-1])
    return (seen * c[..., None, :]).reshape(len(v), v.shape[1] * c.shape[-2], -1)
