"""Rows: z[b,ij] = x1[b,i] x2[b,j], then out = z W' by one GEMM; backward shares u = g W between both inputs.

The intermediate has in1 * in2 numbers per row, so this order wins where out is larger than in2.
"""

from collections.abc import Iterator
from typing import Any

from ...problem import Problem
from ..contract import Work
from ..costs import block_rows, weight_bytes
from .accumulate import bias_gradient, matmul_into

Array = Any


def forward(xp: Any, x1: Array, x2: Array, weight: Array, bias: Array, _: None, out: Array, workspace: Array) -> None:
    """out[b,k] = sum_ij z[b,ij] W[k,ij] + bias[k]."""
    flat = weight[0].reshape(weight.shape[1], -1)
    for b, z in _blocks(x1, x2, workspace):
        xp.multiply(x1[b][:, :, None], x2[b][:, None, :], out=z)
        xp.matmul(z.reshape(len(z), -1), flat.T, out=out[b])
        if bias is not None:
            out[b] += bias[0]


def backward(
    xp: Any, grad_output: Array, x1: Array, x2: Array, weight: Array, which: None,
    dx1: Array, dx2: Array, dweight: Array, dbias: Array, workspace: Array, accumulate: bool,
) -> None:  # fmt: skip
    """u[b,ij] = sum_k g[b,k] W[k,ij]; dx1 = u x2, dx2 = x1 u, dW[k,ij] = sum_b g[b,k] z[b,ij]."""
    flat = weight[0].reshape(weight.shape[1], -1)
    for b, z in _blocks(x1, x2, workspace):
        g = grad_output[b]
        if dx1 is not None or dx2 is not None:
            xp.matmul(g, flat, out=z.reshape(len(z), -1))
        if dx1 is not None:
            matmul_into(xp, z, x2[b][:, :, None], dx1[b][:, :, None], accumulate)
        if dx2 is not None:
            matmul_into(xp, x1[b][:, None, :], z, dx2[b][:, None, :], accumulate)
        if dweight is not None:
            xp.multiply(x1[b][:, :, None], x2[b][:, None, :], out=z)
            matmul_into(xp, g.T, z.reshape(len(z), -1), dweight[0].reshape(flat.shape), accumulate or b.start > 0)
    if dbias is not None:
        bias_gradient(xp, grad_output, dbias, which, accumulate)


def work(problem: Problem, budget: int | None = None) -> Work | None:
    """One GEMM-equivalent forward, two backward. Rows that choose a weight each would leave blocks of a few rows."""
    if problem.selected:
        return None
    rows, per_row = problem.shared, problem.in1 * problem.in2
    gemm = 2 * rows * per_row * problem.out_features
    inputs, parameters = bool({"x1", "x2"} & set(problem.wrt)), "weight" in problem.wrt or not problem.wrt
    contract = 2 * rows * per_row * (("x1" in problem.wrt) + ("x2" in problem.wrt))
    products = rows * per_row * parameters
    passes = inputs + parameters
    blocks = -(-rows // block_rows(problem, per_row, rows, budget))  # each reads the whole weight
    moved = 5 * rows * per_row * problem.dtype.itemsize + (2 + blocks) * weight_bytes(problem)
    return Work(passes * gemm + contract + products, passes * moved, 4 * passes)


def workspace(problem: Problem, budget: int | None = None) -> int:
    """Elements of z, or u, for one block of rows."""
    per_row = problem.in1 * problem.in2
    return per_row * block_rows(problem, per_row, problem.shared, budget)


def _blocks(x1: Array, x2: Array, workspace: Array) -> Iterator[tuple[slice, Array]]:
    """Blocks of rows, each with its part of the workspace as z."""
    (rows, in1), in2 = x1.shape, x2.shape[1]
    step = len(workspace) // (in1 * in2)
    for start in range(0, rows, step):
        stop = min(rows, start + step)
        yield slice(start, stop), workspace[: (stop - start) * in1 * in2].reshape(stop - start, in1, in2)
