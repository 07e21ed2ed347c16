"""The complex diagonal core, on real and imaginary halves: two weighted diagonal cores, or one compiled pass."""

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ...axes import Shape
from ...compiled import core_loops
from ..steps import Bound, Lay, Plain
from .diagonal import FEW, Diagonal

Array = Any
_REAL, _IMAG = Diagonal("real"), Diagonal("imag")


class ComplexDiagonal(NamedTuple):
    """z = sum_r re (u0 v0 + u1 v1) + sign im (u0 v1 - u1 v0) for halves u0, u1 and v0, v1: Re sum u w conj(v).

    Cost: that of two diagonal cores, and a copy of v; none in the compiled loops, for few outputs.
    """

    sign: int = 1

    @property
    def by_row(self) -> bool:
        """A stack is taken whole."""
        return True

    @property
    def uses(self) -> Mapping[str, Lay]:
        """The parts of the weights."""
        return {"real": Plain(), "imag": Plain()}

    def numbers(self, p: Bound) -> int:
        """Return how many numbers are held for each row."""
        return 2 * _REAL.numbers(p)

    def apply(self, u: Array, v: Array, p: Bound) -> Array:
        """Return z."""
        loops = self._loops(u, v, p)
        if loops is None:
            return _REAL.apply(u, v, p) + _IMAG.apply(u, self._turned(v), p)
        stacks, which = _stacks(p)
        z = np.empty((len(u), stacks[0].shape[1]), u.dtype)
        loops.forward(u[:, 0], v[:, 0], *stacks, self.sign, which, z)
        return z[:, None, None]

    def pull(self, g: Array, u: Array, v: Array, p: Bound, wanted: tuple[bool, bool]) -> tuple[Array, Array]:
        """Both parts' gradients; the turned v's is turned back."""
        loops = self._loops(u, v, p)
        if loops is None:
            (du, dv), (du2, turned) = _REAL.pull(g, u, v, p, wanted), _IMAG.pull(g, u, self._turned(v), p, wanted)
            return du + du2 if wanted[0] else None, dv - self._turned(turned) if wanted[1] else None
        stacks, which = _stacks(p)
        du, dv = (np.empty((len(u), *u.shape[2:]), u.dtype) if want else None for want in wanted)
        learned = (None, None) if p.gradients is None else tuple(np.zeros_like(stack) for stack in stacks)
        loops.backward(np.ascontiguousarray(g[:, 0, 0]), u[:, 0], v[:, 0], *stacks, self.sign, which, du, dv, *learned)
        if p.gradients is not None:
            p.add("real", learned[0].reshape(p.arrays["real"].shape))
            p.add("imag", learned[1].reshape(p.arrays["imag"].shape))
        return None if du is None else du[:, None], None if dv is None else dv[:, None]

    def flop(self, rows: tuple[int, int, int], u: Shape, v: Shape, p: Bound) -> int:
        """Those of two diagonal cores, and their sum."""
        outputs = int(p.arrays["real"].shape[-2])
        return _REAL.flop(rows, u, v, p) + _IMAG.flop(rows, u, v, p) + prod(rows) * outputs

    def exchange(self) -> "ComplexDiagonal":
        """Return the product of exchanged rows: the conjugate is then the first one's."""
        return ComplexDiagonal(-self.sign)

    def _turned(self, v: Array) -> Array:
        """(v1, -v0), or its opposite: i conj(v). Turned twice it is -v, so its adjoint is its opposite."""
        return self.sign * np.stack([v[..., 1, :], -v[..., 0, :]], axis=-2)

    def _loops(self, u: Array, v: Array, p: Bound) -> Any:
        real, imag = p.arrays["real"], p.arrays["imag"]
        if u.shape[1] != 1 or v.shape[1] != 1 or real.shape[-2] > FEW or real.shape != imag.shape:
            return None
        return core_loops("complex_diagonal", p.backend, u.size, u, v, real, imag)


def _stacks(p: Bound) -> tuple[tuple[Array, Array], Array | None]:
    """The parts (count, out, rank), and the form of each row."""
    real, imag = (p.arrays[name].reshape(-1, *p.arrays[name].shape[-2:]) for name in ("real", "imag"))
    one = p.which is None or len(real) == 1
    return (real, imag), None if one else np.ascontiguousarray(p.which.reshape(-1))  # type: ignore[union-attr]
