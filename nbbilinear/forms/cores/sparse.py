"""The sparse core: a few products of single features, sorted once, no matrix ever dense."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ...axes import Shape
from ...compiled import core_loops
from ..steps import Bound, Lay, Plain

Array = Any


class Pattern(NamedTuple):
    """Where the values stand: (k, i, j) of each, sorted by k, then i. ``d`` counts the different (k, i).

    ``of_value[z]`` is the d of value z; values of one d, and the d of one k, are neighbours.
    """

    shape: tuple[int, int, int]
    k: Array
    i: Array
    j: Array
    order: Array | None  # of the values as they are given; None: as they are
    d_starts: Array
    of_value: Array
    d_k: Array
    d_i: Array

    def exchange(self) -> "Pattern":
        """Return the pattern with i and j in each other's place."""
        exchanged = pattern((self.shape[0], self.shape[2], self.shape[1]), self.k, self.j, self.i)
        if self.order is None or exchanged.order is None:
            return exchanged._replace(order=exchanged.order if self.order is None else self.order)
        return exchanged._replace(order=self.order[exchanged.order])


def pattern(shape: tuple[int, int, int], k: Array, i: Array, j: Array) -> Pattern:
    """Sort positions and count them through."""
    order = np.lexsort((j, i, k))
    k, i, j = k[order], i[order], j[order]
    new = np.ones(len(k), bool)
    new[1:] = (np.diff(k) != 0) | (np.diff(i) != 0)
    starts = np.flatnonzero(new)
    in_place = bool((order[1:] > order[:-1]).all())
    return Pattern(shape, k, i, j, None if in_place else order, starts, np.cumsum(new) - 1, k[starts], i[starts])


class Sparse(NamedTuple):
    """z[s,n,m,k] = sum of values[z] u[s,n,i] v[s,m,j] over the positions z with this k.

    Cost: rows, 3 flop for each value and row; all pairs, 2 n m flop for each different (k, i). Workspace: a number for
    each value and row.
    """

    where: Pattern
    name: str = "values"

    @property
    def by_row(self) -> bool:
        """A stack is taken form by form."""
        return False

    @property
    def uses(self) -> Mapping[str, Lay]:
        """The values."""
        return {self.name: Plain()}

    def numbers(self, p: Bound) -> int:  # noqa: ARG002
        """Return how many numbers are held for each row."""
        return 2 * len(self.where.k)

    def apply(self, u: Array, v: Array, p: Bound) -> Array:
        """Return z."""
        z = np.zeros((len(u), u.shape[1], v.shape[1], self.where.shape[0]), u.dtype)
        if len(self.where.k):
            paired = u.shape[1] == v.shape[1] == 1
            loops = self._loops(u, v, p) if paired else None
            if loops is not None:
                loops.forward(*self._compiled(u, v, p), z[:, 0, 0])
                return z
            t = self._mapped(v, p)
            if paired:
                z[:, 0, 0] = _summed(u[:, 0, self.where.d_i] * t[:, 0], self.where.d_k, z.shape[-1])
            else:
                for k, d in _runs(self.where.d_k):
                    z[..., k] = u[:, :, self.where.d_i[d]] @ t[:, :, d].swapaxes(1, 2)
        return z

    def pull(self, g: Array, u: Array, v: Array, p: Bound, wanted: tuple[bool, bool]) -> tuple[Array, Array]:
        """Du = sum_m g values v, dv = sum_n g values u, and of each value the sum of g u v."""
        where, paired = self.where, u.shape[1] == v.shape[1] == 1
        du: Array = np.zeros_like(u) if wanted[0] else None
        dv: Array = np.zeros_like(v) if wanted[1] else None
        if not len(where.k):
            return du, dv
        loops = self._loops(u, v, p) if paired else None
        if loops is not None:
            du, dv = np.empty_like(u), np.empty_like(v)
            found = None if p.gradients is None else np.zeros(len(where.k), u.dtype)
            operands = (np.ascontiguousarray(g[:, 0, 0]), *self._compiled(u, v, p))
            loops.backward(*operands, du[:, 0], dv[:, 0], found)
            if found is not None:
                p.add(self.name, found if where.order is None else _scattered(found, where.order))
            return du, dv
        t = self._mapped(v, p)
        if paired:
            by_d = g[:, 0, 0, where.d_k]
            dt = (by_d * u[:, 0, where.d_i])[:, None]
            if du is not None:
                du[:, 0] = _summed(by_d * t[:, 0], where.d_i, u.shape[-1])
        else:
            dt = np.empty((len(v), v.shape[1], len(where.d_k)), g.dtype)
            for k, d in _runs(where.d_k):
                dt[:, :, d] = g[..., k].swapaxes(1, 2) @ u[:, :, where.d_i[d]]
                if du is not None:
                    du[:, :, where.d_i[d]] += g[..., k] @ t[:, :, d]
        by_value = dt.reshape(-1, dt.shape[-1])[:, where.of_value]
        if p.gradients is not None:
            found = np.einsum("bz,bz->z", by_value, v.reshape(-1, v.shape[-1])[:, where.j])
            p.add(self.name, found if where.order is None else _scattered(found, where.order))
        if dv is not None:
            dv.reshape(-1, v.shape[-1])[...] = _summed(by_value * self._values(p), where.j, v.shape[-1])
        return du, dv

    def flop(self, rows: tuple[int, int, int], u: Shape, v: Shape, p: Bound) -> int:  # noqa: ARG002
        """Rows: 3 for each value; all pairs: 2 for each different (k, i), and those of v."""
        shared, n, m = rows
        if n == m == 1:
            return shared * 3 * len(self.where.k)
        return shared * m * (2 * n * len(self.where.d_k) + 2 * len(self.where.k))

    def exchange(self) -> "Sparse":
        """Return the product of exchanged rows: positions sorted by j first."""
        return self._replace(where=self.where.exchange())

    def _loops(self, u: Array, v: Array, p: Bound) -> Any:
        return core_loops("sparse", p.backend, len(u) * len(self.where.k), u, v, p.arrays[self.name])

    def _compiled(self, u: Array, v: Array, p: Bound) -> tuple[Array, ...]:
        """Paired rows, values and places, as the compiled loops take them."""
        return u[:, 0], v[:, 0], self._values(p), self.where.k, self.where.i, self.where.j

    def _values(self, p: Bound) -> Array:
        values = p.arrays[self.name]
        return values if self.where.order is None else values[self.where.order]

    def _mapped(self, v: Array, p: Bound) -> Array:
        """t[s,m,d] = sum_j values v[s,m,j] for the d-th (k, i)."""
        return np.add.reduceat(v[..., self.where.j] * self._values(p), self.where.d_starts, axis=-1)


def _runs(sorted_numbers: Array) -> list[tuple[int, slice]]:
    """Each number and where it stands."""
    starts = np.flatnonzero(np.diff(sorted_numbers, prepend=-1))
    stops = [*starts[1:].tolist(), len(sorted_numbers)]
    return [(int(sorted_numbers[a]), slice(a, b)) for a, b in zip(starts.tolist(), stops, strict=True)]


def _summed(rows: Array, where: Array, size: int) -> Array:
    """y[b, where[z]] = sum of rows[b, z]."""
    order = np.argsort(where, kind="stable")
    there = where[order]
    starts = np.flatnonzero(np.diff(there, prepend=-1))
    y = np.zeros((len(rows), size), rows.dtype)
    y[:, there[starts]] = np.add.reduceat(rows[:, order], starts, axis=1)
    return y


def _scattered(sorted_values: Array, order: Array) -> Array:
    found = np.empty_like(sorted_values)
    found[order] = sorted_values
    return found
