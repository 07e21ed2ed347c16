"""Products of single features, one after the other for a panel of rows, whose lanes lie side by side.

Arrays are C-contiguous and of one float dtype; places k, i, j are int64, sorted by k. A panel's features are transposed
first, so that each place is one multiplication of whole vectors, and a row is never looked through for its features.
"""

from typing import Any

import numpy as np

from . import parallel
from .compiling import loops

Array = Any
LANES = 64  # 4 vectors of 16 floats; 32 and 128 measured within a tenth


def forward(u: Array, v: Array, values: Array, k: Array, i: Array, j: Array, out: Array) -> None:
    """out[b,k] = sum of values[z] u[b,i[z]] v[b,j[z]] over the z with k[z] = k. A chunk owns rows of out."""
    panels, width = _panels(u), u.shape[1] + v.shape[1] + out.shape[1]
    chunk = parallel.chunk_size(panels, 3 * LANES * len(values))
    space = np.empty(_threads(panels, chunk) * width * LANES, u.dtype)
    parallel.run(_forward, (u, v, values, k, i, j, out), panels, chunk, space, width * LANES)


def backward(
    grad_output: Array, u: Array, v: Array, values: Array, k: Array, i: Array, j: Array,
    du: Array, dv: Array, dvalues: Array | None,
) -> None:  # fmt: skip
    """du[b,i[z]] = sum g[b,k[z]] values[z] v[b,j[z]], dv likewise; dvalues[z] += sum_b g u v."""
    panels, width = _panels(u), 2 * (u.shape[1] + v.shape[1]) + grad_output.shape[1]
    chunk = parallel.chunk_size(panels, 6 * LANES * len(values))
    space = np.empty(_threads(panels, chunk) * width * LANES, u.dtype)
    args = (grad_output, u, v, values, k, i, j, du, dv)
    parallel.run(_backward_rows, args, panels, chunk, space, width * LANES)
    if dvalues is not None:
        chunk = parallel.chunk_size(len(values), 3 * len(u))
        turned = [np.ascontiguousarray(a.T) for a in (grad_output, u, v)]
        parallel.run(_backward_values, (*turned, k, i, j, dvalues), len(values), chunk)


def _panels(rows: Array) -> int:
    return -(-len(rows) // LANES)


def _threads(total: int, chunk: int) -> int:
    return min(parallel.participants(), -(-total // max(1, chunk)))


@loops
def _turn(x: Array, first: int, panel: Array) -> None:
    """panel[i, lane] = x[first + lane, i], zero beyond the last row."""
    zero = x.dtype.type(0)
    for lane in range(panel.shape[1]):
        b = first + lane
        for i in range(panel.shape[0]):
            panel[i, lane] = x[b, i] if b < x.shape[0] else zero


@loops
def _turn_back(panel: Array, first: int, x: Array) -> None:
    """x[first + lane, i] = panel[i, lane]."""
    for lane in range(min(panel.shape[1], x.shape[0] - first)):
        for i in range(panel.shape[0]):
            x[first + lane, i] = panel[i, lane]


@loops
def _forward(
    u: Array, v: Array, values: Array, k: Array, i: Array, j: Array, out: Array, space: Array, start: int, stop: int
) -> None:
    in1, in2, outs = u.shape[1], v.shape[1], out.shape[1]
    a = space[: in1 * 64].reshape(in1, 64)
    c = space[in1 * 64 : (in1 + in2) * 64].reshape(in2, 64)
    y = space[(in1 + in2) * 64 : (in1 + in2 + outs) * 64].reshape(outs, 64)
    for panel in range(start, stop):
        _turn(u, panel * 64, a)
        _turn(v, panel * 64, c)
        y[:] = 0
        for z in range(len(values)):
            for lane in range(64):
                y[k[z], lane] += values[z] * a[i[z], lane] * c[j[z], lane]
        _turn_back(y, panel * 64, out)


@loops
def _backward_rows(
    g: Array, u: Array, v: Array, values: Array, k: Array, i: Array, j: Array, du: Array, dv: Array,
    space: Array, start: int, stop: int,
) -> None:  # fmt: skip
    in1, in2, outs = u.shape[1], v.shape[1], g.shape[1]
    sides = in1 + in2
    a = space[: in1 * 64].reshape(in1, 64)
    c = space[in1 * 64 : sides * 64].reshape(in2, 64)
    da = space[sides * 64 : (sides + in1) * 64].reshape(in1, 64)
    dc = space[(sides + in1) * 64 : 2 * sides * 64].reshape(in2, 64)
    y = space[2 * sides * 64 : (2 * sides + outs) * 64].reshape(outs, 64)
    for panel in range(start, stop):
        _turn(u, panel * 64, a)
        _turn(v, panel * 64, c)
        _turn(g, panel * 64, y)
        da[:] = 0
        dc[:] = 0
        for z in range(len(values)):
            for lane in range(64):
                t = values[z] * y[k[z], lane]
                da[i[z], lane] += t * c[j[z], lane]
                dc[j[z], lane] += t * a[i[z], lane]
        _turn_back(da, panel * 64, du)
        _turn_back(dc, panel * 64, dv)


@loops
def _backward_values(
    g: Array, u: Array, v: Array, k: Array, i: Array, j: Array, dvalues: Array, start: int, stop: int
) -> None:
    """A chunk owns values; g, u, v have rows last."""
    for z in range(start, stop):
        total = dvalues.dtype.type(0)
        for b in range(g.shape[1]):
            total += g[k[z], b] * u[i[z], b] * v[j[z], b]
        dvalues[z] += total
