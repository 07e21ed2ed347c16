"""The full core: the bilinear product itself, planned as any other."""

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ... import calls
from ...axes import Shape
from ...execute import BilinearGrads
from ..steps import Bound, Lay, Plain

Array = Any


class Full(NamedTuple):
    """z[s,n,m,k] = sum_ij u[s,n,i] W[k,i,j] v[s,m,j]; in ``blocks`` each of u, v, z has one more axis, and W a weight.

    Cost: 2 k i j flop for each pair of rows that meet (fewer for all pairs) and block; a few MB of workspace.
    """

    name: str = "weight"
    blocks: bool = False
    lay: Lay = Plain()
    exchanged: bool = False

    @property
    def by_row(self) -> bool:
        """A stack is taken form by form."""
        return False

    @property
    def uses(self) -> Mapping[str, Lay]:
        """The weight."""
        return {self.name: self.lay}

    def numbers(self, p: Bound) -> int:
        """Return how many numbers are held for each row."""
        return prod(p.arrays[self.name].shape[:-2])

    def apply(self, u: Array, v: Array, p: Bound) -> Array:
        """Return z."""
        if not self.blocks:
            return calls.forward("bilinear", *_against(u, v), self._weight(p), None, None, None, p.backend)
        weight = self._weight(p)
        z = np.empty((len(u), u.shape[1], v.shape[1], *weight.shape[:2]), u.dtype)
        for q, matrix in enumerate(weight):
            rows = _against(u[:, :, q], v[:, :, q])
            z[..., q, :] = calls.forward("bilinear", *rows, matrix, None, None, None, p.backend)
        return z

    def pull(self, g: Array, u: Array, v: Array, p: Bound, wanted: tuple[bool, bool]) -> tuple[Array, Array]:
        """The gradients of the bilinear product, block by block."""
        names = (*(("x1",) if wanted[0] else ()), *(("x2",) if wanted[1] else ()))
        wrt = names if p.gradients is None else (*names, "weight")
        du: Array = np.empty_like(u) if wanted[0] else None
        dv: Array = np.empty_like(v) if wanted[1] else None
        weight, add = self._weight(p), p.gradients is not None
        for q in range(len(weight)) if self.blocks else (None,):
            at = (slice(None), slice(None), *(() if q is None else (q,)))
            one = weight if q is None else weight[q]
            grads: Any = calls.backward(
                "bilinear_backward", g if q is None else g[..., q, :], *_against(u[at], v[at]), one, None, None, wrt,
                self._target(p, q) if add else None, add, p.backend,
            )  # fmt: skip
            if wanted[0]:
                du[at] = grads.x1[:, :, 0]
            if wanted[1]:
                dv[at] = grads.x2[:, 0]
        return du, dv

    def flop(self, rows: tuple[int, int, int], u: Shape, v: Shape, p: Bound) -> int:
        """Those of the kernel that is planned, for each block."""
        (shared, n, m), (i, j) = rows, (u[-1], v[-1])
        weight = self._weight(p).shape
        found = calls.plan(
            "plan", (shared, n, 1, i), (shared, 1, m, j), tuple(weight[-3:]), None, None, p.arrays[self.name].dtype,
            False, p.backend,
        )  # fmt: skip
        return int(found.flop * prod(weight[:-3]))

    def exchange(self) -> "Full":
        """Return the product of exchanged rows: every matrix transposed."""
        return self._replace(exchanged=not self.exchanged)

    def _weight(self, p: Bound) -> Array:
        array = p.arrays[self.name]
        return array.swapaxes(-1, -2) if self.exchanged else array

    def _target(self, p: Bound, q: int | None) -> BilinearGrads:
        array = p.total(self.name)
        array = array.swapaxes(-1, -2) if self.exchanged else array
        return BilinearGrads(weight=array if q is None else array[q])


def _against(u: Array, v: Array) -> tuple[Array, Array]:
    """U and v with axes such that their rows meet as (s, n, m)."""
    return u[:, :, None], v[:, None]
