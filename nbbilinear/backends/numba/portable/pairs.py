"""All pairs: t[m,k,i] = sum_j W[k,i,j] x2[m,j] once per row of x2, then every row of x1 against it.

Rows of x2 are taken in blocks whose t fits into the workspace. A chunk owns the rows it writes.
"""

from typing import Any

from ....problem import Problem
from ...contract import Work
from ...costs import pairs_work
from .. import parallel
from ..compiling import absent, loops, weights_of

Array = Any


def forward(
    x1: Array, x2: Array, weight: Array, bias: Array | None, which: Array | None, out: Array, workspace: Array
) -> None:
    """out[s,n,m,k] = bias[k] + sum_i x1[s,n,i] t[s,m,k,i]."""
    rows2, (_, rows1, in1), k_i = x2.shape[0] * x2.shape[1], x1.shape, weight.shape[1] * weight.shape[2]
    bias = absent(out.dtype, 2) if bias is None else bias
    step = len(workspace) // k_i
    chunk = parallel.chunk_size(step, 2 * k_i * (x2.shape[2] + rows1))
    for first in range(0, rows2, step):
        count = min(step, rows2 - first)
        t = workspace[: count * k_i].reshape(count, weight.shape[1], in1)
        parallel.run(_forward, (x1, x2, weight, bias, weights_of(which), out, t, first), count, chunk)


def backward(
    grad_output: Array, x1: Array, x2: Array, weight: Array, which: Array | None,
    dx1: Array | None, dx2: Array | None, dweight: Array | None, dbias: Array | None,
    workspace: Array, accumulate: bool,
) -> None:  # fmt: skip
    """dx1[n,i] = sum_mk g t; dt[m,k,i] = sum_n g[n,m,k] x1[n,i]; dx2 = dt W; dW = dt' x2."""
    rows2, (shared, rows1, in1), k_i = x2.shape[0] * x2.shape[1], x1.shape, weight.shape[1] * weight.shape[2]
    used, step = weights_of(which), len(workspace) // k_i
    chunk = parallel.chunk_size(step, 2 * k_i * (x2.shape[2] + rows1))
    for first in range(0, rows2, step):
        count = min(step, rows2 - first)
        t = workspace[: count * k_i].reshape(count, weight.shape[1], in1)
        add = accumulate or first > 0
        if dx1 is not None:
            parallel.run(_project, (x2, weight, used, t, first), count, chunk)
            each = parallel.chunk_size(shared * rows1, 2 * k_i * min(count, x2.shape[1]))
            parallel.run(_backward_x1, (grad_output, t, dx1, first, add), shared * rows1, each)
        if dx2 is not None or dweight is not None:
            wanted = absent(x2.dtype, 3) if dx2 is None else dx2
            parallel.run(_backward_x2, (grad_output, x1, weight, used, t, wanted, first, accumulate), count, chunk)
        if dweight is not None:
            each = parallel.chunk_size(k_i, 2 * count * x2.shape[2])
            parallel.run(_backward_weight, (x2, used, t, dweight, first, add), k_i, each)
    if dbias is not None:
        each = parallel.chunk_size(dbias.shape[1], shared * rows1 * x2.shape[1])
        parallel.run(_backward_bias, (grad_output, used, dbias, accumulate), dbias.shape[1], each)


@loops
def _forward(x1, x2, weight, bias, which, out, t, first, start, stop):
    _project(x2, weight, which, t, first, start, stop)
    zero, rows2 = out.dtype.type(0), x2.shape[1]
    for n in range(x1.shape[1]):
        for row in range(start, stop):
            s, m = (first + row) // rows2, (first + row) % rows2
            w = which[first + row] if which.size else 0
            for k in range(t.shape[1]):
                y = zero
                for i in range(t.shape[2]):
                    y += x1[s, n, i] * t[row, k, i]
                out[s, n, m, k] = y + bias[w, k] if bias.size else y


@loops
def _project(x2, weight, which, t, first, start, stop):
    zero, rows2 = t.dtype.type(0), x2.shape[1]
    for row in range(start, stop):
        s, m = (first + row) // rows2, (first + row) % rows2
        w = which[first + row] if which.size else 0
        for k in range(t.shape[1]):
            for i in range(t.shape[2]):
                total = zero
                for j in range(x2.shape[2]):
                    total += weight[w, k, i, j] * x2[s, m, j]
                t[row, k, i] = total


@loops
def _backward_x1(grad_output, t, dx1, first, add, start, stop):
    zero, rows2 = t.dtype.type(0), grad_output.shape[2]
    for s_n in range(start, stop):
        s, n = s_n // dx1.shape[1], s_n % dx1.shape[1]
        if not add:
            dx1[s, n, :] = zero
        for row in range(max(0, s * rows2 - first), min(t.shape[0], (s + 1) * rows2 - first)):
            for k in range(t.shape[1]):
                g = grad_output[s, n, first + row - s * rows2, k]
                for i in range(t.shape[2]):
                    dx1[s, n, i] += g * t[row, k, i]


@loops
def _backward_x2(grad_output, x1, weight, which, dt, dx2, first, accumulate, start, stop):
    zero, rows2 = dt.dtype.type(0), grad_output.shape[2]
    dt[start:stop] = zero
    for row in range(start, stop):
        s, m = (first + row) // rows2, (first + row) % rows2
        w = which[first + row] if which.size else 0
        for n in range(x1.shape[1]):
            for k in range(dt.shape[1]):
                g = grad_output[s, n, m, k]
                for i in range(dt.shape[2]):
                    dt[row, k, i] += g * x1[s, n, i]
        if dx2.size:
            if not accumulate:
                dx2[s, m, :] = zero
            for k in range(dt.shape[1]):
                for i in range(dt.shape[2]):
                    for j in range(dx2.shape[2]):
                        dx2[s, m, j] += dt[row, k, i] * weight[w, k, i, j]


@loops
def _backward_weight(x2, which, dt, dweight, first, add, start, stop):
    zero, rows2 = dt.dtype.type(0), x2.shape[1]
    for k_i in range(start, stop):
        k, i = k_i // dt.shape[2], k_i % dt.shape[2]
        if not add:
            dweight[:, k, i, :] = zero
        for row in range(dt.shape[0]):
            s, m = (first + row) // rows2, (first + row) % rows2
            w = which[first + row] if which.size else 0
            for j in range(x2.shape[2]):
                dweight[w, k, i, j] += dt[row, k, i] * x2[s, m, j]


@loops
def _backward_bias(grad_output, which, dbias, accumulate, start, stop):
    if not accumulate:
        dbias[:, start:stop] = grad_output.dtype.type(0)
    for s in range(grad_output.shape[0]):
        for n in range(grad_output.shape[1]):
            for m in range(grad_output.shape[2]):
                w = which[s * grad_output.shape[2] + m] if which.size else 0
                for k in range(start, stop):
                    dbias[w, k] += grad_output[s, n, m, k]


def work(problem: Problem) -> Work:
    """The products of `pairs_work`; a weight for every row does not stay in the cache: twice the time, as bytes."""
    found = pairs_work(problem)
    return found._replace(bytes=2 * found.flop) if problem.selected else found
