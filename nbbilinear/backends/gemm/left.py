"""Rows: t[k,b,j] = sum_i x1[b,i] W[k,i,j], a matrix product for each output, then out[b,k] = sum_j t[k,b,j] x2[b,j].

The weight is read along its rows, so this order wins where few rows meet a large weight, and with one output.
"""

from collections.abc import Iterator
from typing import Any

from ...problem import Problem
from ..contract import Work
from ..costs import TALL, block_rows, weight_bytes
from .accumulate import bias_gradient, matmul_into

Array = Any


def forward(xp: Any, x1: Array, x2: Array, weight: Array, bias: Array, _: None, out: Array, workspace: Array) -> None:
    """out[b,k] = sum_j t[k,b,j] x2[b,j] + bias[k]."""
    for b, k, t, _u in _blocks(x1, weight, workspace):
        xp.matmul(x1[b], weight[0, k], out=t)
        out[b, k] = xp.einsum("kbj,bj->bk", t, x2[b])
    if bias is not None:
        out += bias[0]


def backward(
    xp: Any, grad_output: Array, x1: Array, x2: Array, weight: Array, which: None,
    dx1: Array, dx2: Array, dweight: Array, dbias: Array, workspace: Array, accumulate: bool,
) -> None:  # fmt: skip
    """dx2[b,j] = sum_k g[b,k] t[k,b,j]; with dt[k,b,j] = g[b,k] x2[b,j], dx1 = sum_k dt W[k]' and dW[k] = x1' dt."""
    for b, k, t, u in _blocks(x1, weight, workspace):
        g, first = grad_output[b, k], k.start == 0 and not accumulate
        if dx2 is not None:
            xp.matmul(x1[b], weight[0, k], out=t)
            dx2[b] = xp.einsum("bk,kbj->bj", g, t) + (0 if first else dx2[b])
        xp.multiply(g.T[:, :, None], x2[b], out=t)
        if dx1 is not None:
            xp.matmul(t, weight[0, k].swapaxes(1, 2), out=u)
            dx1[b] = u.sum(axis=0) + (0 if first else dx1[b])
        if dweight is not None:
            matmul_into(xp, x1[b].T, t, dweight[0, k], accumulate or b.start > 0)
    if dbias is not None:
        bias_gradient(xp, grad_output, dbias, which, accumulate)


def work(problem: Problem) -> Work | None:
    """One GEMM-equivalent forward, one for each gradient. Rows that choose a weight each would need a product each."""
    if problem.selected:
        return None
    rows, per_row = problem.shared, problem.out_features * problem.in2
    passes = len({"x1", "x2", "weight"} & set(problem.wrt)) if problem.wrt else 1
    flop = 2 * passes * rows * per_row * (problem.in1 + 1)
    moved = 3 * rows * per_row * problem.dtype.itemsize + weight_bytes(problem)
    moved += rows * (problem.in1 + problem.in2) * problem.dtype.itemsize
    return Work(flop, passes * moved, passes * (3 + problem.out_features // 2))


def workspace(problem: Problem, budget: int | None = None) -> int:
    """Elements of t and u for one block of rows and outputs."""
    rows, per_row = min(problem.shared, TALL), problem.in1 + problem.in2
    outputs = block_rows(problem, rows * per_row, problem.out_features, budget)
    return outputs * per_row * block_rows(problem, outputs * per_row, problem.shared, budget)


def _blocks(x1: Array, weight: Array, workspace: Array) -> Iterator[tuple[slice, slice, Array, Array]]:
    """Blocks of rows and of outputs, each with its parts of the workspace as t and u."""
    (rows, in1), (out_features, in2) = x1.shape, (weight.shape[1], weight.shape[3])
    outputs = max(1, min(out_features, len(workspace) // (min(rows, TALL) * (in1 + in2))))
    step = len(workspace) // (outputs * (in1 + in2))
    for k in range(0, out_features, outputs):
        some = min(outputs, out_features - k)
        for b in range(0, rows, step):
            count = min(step, rows - b)
            cut = some * count * in2
            t = workspace[:cut].reshape(some, count, in2)
            u = workspace[cut : cut + some * count * in1].reshape(some, count, in1)
            yield slice(b, b + count), slice(k, k + some), t, u
