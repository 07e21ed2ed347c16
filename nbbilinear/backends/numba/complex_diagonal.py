"""Real parts of products of complex numbers at the same place, on real and imaginary halves: one pass over two rows.

Arrays are C-contiguous and of one float dtype; u and v are (rows, 2, rank), the weights (count, out, rank), of which
row b uses ``which[b]``. ``sign`` is 1 where the conjugate is v's, -1 where it is u's.
"""

from typing import Any

import numpy as np

from . import parallel
from .compiling import loops, weights_of

Array = Any


def forward(u: Array, v: Array, real: Array, imag: Array, sign: int, which: Array | None, out: Array) -> None:
    """out[b,k] = sum_r re (u0 v0 + u1 v1) + sign im (u0 v1 - u1 v0). A chunk owns rows of out."""
    chunk = parallel.chunk_size(len(u), 10 * out.shape[1] * u.shape[2])
    parallel.run(_forward, (u, v, real, imag, u.dtype.type(sign), weights_of(which), out), len(u), chunk)


def backward(
    grad_output: Array, u: Array, v: Array, real: Array, imag: Array, sign: int, which: Array | None,
    du: Array | None, dv: Array | None, dreal: Array | None, dimag: Array | None,
) -> None:  # fmt: skip
    """du[b,0] = sum_k g (re v0 + sign im v1) and so on; the gradients of real and imag are added to."""
    used, none, one = weights_of(which), np.empty((0, 0, 0), u.dtype), u.dtype.type(sign)
    if du is not None or dv is not None:
        wanted = (none if du is None else du, none if dv is None else dv)
        chunk = parallel.chunk_size(len(u), 16 * real.shape[1] * u.shape[2])
        parallel.run(_backward_rows, (grad_output, u, v, real, imag, one, used, *wanted), len(u), chunk)
    if dreal is not None:
        chunk = parallel.chunk_size(u.shape[2], 10 * len(u) * real.shape[1])
        parallel.run(_backward_weights, (grad_output, u, v, one, used, dreal, dimag), u.shape[2], chunk)


@loops
def _forward(
    u: Array, v: Array, real: Array, imag: Array, sign: Any, which: Array, out: Array, start: int, stop: int
) -> None:
    zero = out.dtype.type(0)
    for b in range(start, stop):
        w = which[b] if which.size else 0
        for k in range(real.shape[1]):
            y = zero
            for r in range(u.shape[2]):
                y += real[w, k, r] * (u[b, 0, r] * v[b, 0, r] + u[b, 1, r] * v[b, 1, r])
                y += sign * imag[w, k, r] * (u[b, 0, r] * v[b, 1, r] - u[b, 1, r] * v[b, 0, r])
            out[b, k] = y


@loops
def _backward_rows(
    g: Array, u: Array, v: Array, real: Array, imag: Array, sign: Any, which: Array, du: Array, dv: Array,
    start: int, stop: int,
) -> None:  # fmt: skip
    """Places r innermost: a sum over k there would not vectorise."""
    zero = g.dtype.type(0)
    for b in range(start, stop):
        w = which[b] if which.size else 0
        if du.size:
            du[b] = zero
        if dv.size:
            dv[b] = zero
        for k in range(real.shape[1]):
            if du.size:
                for r in range(u.shape[2]):
                    a, c = g[b, k] * real[w, k, r], g[b, k] * sign * imag[w, k, r]
                    du[b, 0, r] += a * v[b, 0, r] + c * v[b, 1, r]
                    du[b, 1, r] += a * v[b, 1, r] - c * v[b, 0, r]
            if dv.size:
                for r in range(u.shape[2]):
                    a, c = g[b, k] * real[w, k, r], g[b, k] * sign * imag[w, k, r]
                    dv[b, 0, r] += a * u[b, 0, r] - c * u[b, 1, r]
                    dv[b, 1, r] += a * u[b, 1, r] + c * u[b, 0, r]


@loops
def _backward_weights(
    g: Array, u: Array, v: Array, sign: Any, which: Array, dreal: Array, dimag: Array, start: int, stop: int
) -> None:
    """A chunk owns places r of all weights, counted from 0: else nothing vectorises."""
    u, v, dreal, dimag = u[:, :, start:stop], v[:, :, start:stop], dreal[:, :, start:stop], dimag[:, :, start:stop]
    for b in range(u.shape[0]):
        w = which[b] if which.size else 0
        for k in range(dreal.shape[1]):
            for r in range(u.shape[2]):
                dreal[w, k, r] += g[b, k] * (u[b, 0, r] * v[b, 0, r] + u[b, 1, r] * v[b, 1, r])
                dimag[w, k, r] += g[b, k] * sign * (u[b, 0, r] * v[b, 1, r] - u[b, 1, r] * v[b, 0, r])
