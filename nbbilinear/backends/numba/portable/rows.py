"""Rows: every row of x1 with one row of x2, one pass over the row's weight, no temporaries."""

from typing import Any

from ....problem import Problem
from ...contract import Work
from .. import parallel
from ..compiling import absent, loops, weights_of

Array = Any


def forward(
    x1: Array, x2: Array, weight: Array, bias: Array | None, which: Array | None, out: Array, workspace: Array
) -> None:
    """out[b,k] = bias[k] + sum_ij x1[b,i] W[k,i,j] x2[b,j]."""
    bias = absent(out.dtype, 2) if bias is None else bias
    chunk = parallel.chunk_size(len(x1), 2 * weight.size // len(weight))
    parallel.run(_forward, (x1, x2, weight, bias, weights_of(which), out), len(x1), chunk)


def backward(
    grad_output: Array, x1: Array, x2: Array, weight: Array, which: Array | None,
    dx1: Array | None, dx2: Array | None, dweight: Array | None, dbias: Array | None,
    workspace: Array, accumulate: bool,
) -> None:  # fmt: skip
    """The three other faces of sum_bkij g[b,k] x1[b,i] W[k,i,j] x2[b,j], and the sum of g."""
    rows, used = len(x1), weights_of(which)
    operands = (grad_output, x1, x2)
    if dx1 is not None or dx2 is not None:
        wanted = (absent(x1.dtype, 2) if dx1 is None else dx1, absent(x2.dtype, 2) if dx2 is None else dx2)
        chunk = parallel.chunk_size(rows, 4 * weight.size // len(weight))
        parallel.run(_backward_inputs, (*operands, weight, used, *wanted, accumulate), rows, chunk)
    if dweight is not None:
        k_i = weight.shape[1] * weight.shape[2]
        chunk = parallel.chunk_size(k_i, 2 * rows * weight.shape[3])
        parallel.run(_backward_weight, (*operands, used, dweight, accumulate), k_i, chunk)
    if dbias is not None:
        chunk = parallel.chunk_size(dbias.shape[1], rows)
        parallel.run(bias_gradient, (grad_output, used, dbias, accumulate), dbias.shape[1], chunk)


@loops
def _forward(x1, x2, weight, bias, which, out, start, stop):
    zero = out.dtype.type(0)
    for b in range(start, stop):
        w = which[b] if which.size else 0
        for k in range(weight.shape[1]):
            y = bias[w, k] if bias.size else zero
            for i in range(x1.shape[1]):
                t = zero
                for j in range(x2.shape[1]):
                    t += weight[w, k, i, j] * x2[b, j]
                y += x1[b, i] * t
            out[b, k] = y


@loops
def _backward_inputs(grad_output, x1, x2, weight, which, dx1, dx2, accumulate, start, stop):
    zero = grad_output.dtype.type(0)
    for b in range(start, stop):
        w = which[b] if which.size else 0
        if not accumulate:
            if dx1.size:
                dx1[b, :] = zero
            if dx2.size:
                dx2[b, :] = zero
        for k in range(weight.shape[1]):
            g = grad_output[b, k]
            for i in range(x1.shape[1]):
                if dx1.size:
                    t = zero
                    for j in range(x2.shape[1]):
                        t += weight[w, k, i, j] * x2[b, j]
                    dx1[b, i] += g * t
                if dx2.size:
                    gx = g * x1[b, i]
                    for j in range(x2.shape[1]):
                        dx2[b, j] += gx * weight[w, k, i, j]


@loops
def _backward_weight(grad_output, x1, x2, which, dweight, accumulate, start, stop):
    zero = grad_output.dtype.type(0)
    for k_i in range(start, stop):
        k, i = k_i // x1.shape[1], k_i % x1.shape[1]
        if not accumulate:
            dweight[:, k, i, :] = zero
        for b in range(x1.shape[0]):
            w = which[b] if which.size else 0
            gx = grad_output[b, k] * x1[b, i]
            for j in range(x2.shape[1]):
                dweight[w, k, i, j] += gx * x2[b, j]


@loops
def bias_gradient(grad_output, which, dbias, accumulate, start, stop):
    """dbias[w,k] = sum of g[b,k] over the rows that use weight w."""
    if not accumulate:
        dbias[:, start:stop] = grad_output.dtype.type(0)
    for b in range(grad_output.shape[0]):
        w = which[b] if which.size else 0
        for k in range(start, stop):
            dbias[w, k] += grad_output[b, k]


def work(problem: Problem) -> Work:
    """One product forward; backward one for each of x1, x2 and the weight."""
    rows = problem.shared
    faces = len({"x1", "x2", "weight"} & set(problem.wrt)) if problem.wrt else 1
    inner_loops = rows * problem.out_features * problem.in1
    # an inner loop costs about 2 ns to enter, counted as the bytes that pass in that time
    return Work(2 * faces * inner_loops * problem.in2, bytes=60 * faces * inner_loops, calls=faces)
