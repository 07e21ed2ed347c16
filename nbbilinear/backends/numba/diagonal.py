"""Products of numbers at the same place: one pass over two rows, where a composition makes an array of the products.

Arrays are C-contiguous and of one float dtype; u and v are (rows, h, rank), the weights (count, out, rank), of which
row b uses ``which[b]``. For few outputs: the rows are read once for each.
"""

from typing import Any

import numpy as np

from . import parallel
from .compiling import loops, weights_of

Array = Any


def forward(u: Array, v: Array, weight: Array, which: Array | None, out: Array) -> None:
    """out[b,k] = sum_r w[which[b],k,r] sum_h u[b,h,r] v[b,h,r]. A chunk owns rows of out."""
    chunk = parallel.chunk_size(len(u), 3 * out.shape[1] * u.shape[1] * u.shape[2])
    parallel.run(_forward, (u, v, weight, weights_of(which), out), len(u), chunk)


def backward(
    grad_output: Array, u: Array, v: Array, weight: Array, which: Array | None,
    du: Array | None, dv: Array | None, dweight: Array | None,
) -> None:  # fmt: skip
    """du[b,h,r] = v[b,h,r] sum_k g w; dv[b,h,r] = u[b,h,r] sum_k g w; dweight[w,k,r] += sum_b g[b,k] sum_h u v."""
    used, none = weights_of(which), np.empty((0, 0, 0), u.dtype)
    if du is not None or dv is not None:
        wanted = (none if du is None else du, none if dv is None else dv)
        chunk = parallel.chunk_size(len(u), 4 * weight.shape[1] * u.shape[1] * u.shape[2])
        parallel.run(_backward_rows, (grad_output, u, v, weight, used, *wanted), len(u), chunk)
    if dweight is not None:
        chunk = parallel.chunk_size(u.shape[2], 3 * len(u) * weight.shape[1] * u.shape[1])
        parallel.run(_backward_weight, (grad_output, u, v, used, dweight), u.shape[2], chunk)


@loops
def _forward(u: Array, v: Array, weight: Array, which: Array, out: Array, start: int, stop: int) -> None:
    zero = out.dtype.type(0)
    for b in range(start, stop):
        w = which[b] if which.size else 0
        for k in range(weight.shape[1]):
            y = zero
            for h in range(u.shape[1]):
                for r in range(u.shape[2]):
                    y += weight[w, k, r] * u[b, h, r] * v[b, h, r]
            out[b, k] = y


@loops
def _backward_rows(
    g: Array, u: Array, v: Array, weight: Array, which: Array, du: Array, dv: Array, start: int, stop: int
) -> None:
    for b in range(start, stop):
        w = which[b] if which.size else 0
        if du.size:
            _mixed(g[b], weight[w], v[b], du[b])
        if dv.size:
            _mixed(g[b], weight[w], u[b], dv[b])


@loops
def _mixed(g: Array, weight: Array, other: Array, dx: Array) -> None:
    """dx[h,r] = other[h,r] sum_k g[k] w[k,r]. Places r innermost: a sum over k there would not vectorise."""
    dx[:] = g.dtype.type(0)
    for k in range(weight.shape[0]):
        for h in range(dx.shape[0]):
            for r in range(dx.shape[1]):
                dx[h, r] += g[k] * weight[k, r] * other[h, r]


@loops
def _backward_weight(g: Array, u: Array, v: Array, which: Array, dweight: Array, start: int, stop: int) -> None:
    """A chunk owns places r of all weights, counted from 0: else nothing vectorises."""
    u, v, dweight = u[:, :, start:stop], v[:, :, start:stop], dweight[:, :, start:stop]
    for b in range(u.shape[0]):
        w = which[b] if which.size else 0
        for k in range(dweight.shape[1]):
            for h in range(u.shape[1]):
                for r in range(u.shape[2]):
                    dweight[w, k, r] += g[b, k] * u[b, h, r] * v[b, h, r]
