"""Complex diagonal matrices of few outputs: one pass over the halves of two rows."""

from typing import Any

from ....axes import Shape
from .. import complex_diagonal
from .diagonal import FEW

Array = Any


def takes(rows: int, shapes: tuple[Shape, ...], dtype: Any) -> bool:  # noqa: ARG001
    """Whether a row's outputs are few."""
    return shapes[0][0] <= FEW


def forward(x1: Array, x2: Array, real: Array, imag: Array, out: Array) -> None:
    """out[b,k] = sum_r re (u0 v0 + u1 v1) + im (u0 v1 - u1 v0) with the halves u of x1 and v of x2."""
    halves = (len(x1), 2, real.shape[1])
    complex_diagonal.forward(x1.reshape(halves), x2.reshape(halves), real[None], imag[None], 1, None, out)


def backward(
    grad_output: Array, x1: Array, x2: Array, real: Array, imag: Array, dx1: Array, dx2: Array, dreal: Array,
    dimag: Array,
) -> None:  # fmt: skip
    """dx1[b,0] = sum_k g (re v0 + im v1) and so on."""
    dreal[...] = dimag[...] = 0
    u, v, du, dv = (a.reshape(len(x1), 2, real.shape[1]) for a in (x1, x2, dx1, dx2))
    complex_diagonal.backward(
        grad_output, u, v, real[None], imag[None], 1, None, du, dv, dreal[None], dimag[None]
    )  # fmt: skip
