"""Rows: t[b,k,i] = sum_j W[k,i,j] x2[b,j] by one GEMM, then out[b,k] = sum_i x1[b,i] t[b,k,i].

The intermediate has out * in1 numbers per row; the weight is read in its own layout.
"""

from collections.abc import Iterator
from typing import Any

from ...problem import Problem
from ..contract import Work
from ..costs import block_rows, weight_bytes
from ..grouping import groups
from .accumulate import bias_gradient, matmul_into

Array = Any
_SHORT = 64  # up to this in1 einsum's loop beats a matmul per row (measured at 16, 30, 64, 100, 256)


def forward(
    xp: Any, x1: Array, x2: Array, weight: Array, bias: Array, which: Array, out: Array, workspace: Array
) -> None:
    """out[b,k] = sum_i x1[b,i] t[b,k,i] + bias[k]."""
    for block, t in _blocks(len(x2), weight, workspace):
        _project(xp, x2[block], weight, which, block, t)
        if x1.shape[1] <= _SHORT:
            out[block] = xp.einsum("bki,bi->bk", t, x1[block])
        else:
            xp.matmul(t, x1[block][:, :, None], out=out[block][:, :, None])
        if bias is not None:
            out[block] += bias[0] if which is None else bias[which[block]]


def backward(
    xp: Any, grad_output: Array, x1: Array, x2: Array, weight: Array, which: Array,
    dx1: Array, dx2: Array, dweight: Array, dbias: Array, workspace: Array, accumulate: bool,
) -> None:  # fmt: skip
    """dx1[b,i] = sum_k g[b,k] t[b,k,i]; with dt[b,k,i] = g[b,k] x1[b,i], dx2 = dt W and dW = dt' x2."""
    add = accumulate or which is not None
    if dweight is not None and which is not None and not accumulate:
        dweight[...] = 0
    for block, t in _blocks(len(x2), weight, workspace):
        g = grad_output[block]
        if dx1 is not None:
            _project(xp, x2[block], weight, which, block, t)
            matmul_into(xp, g[:, None, :], t, dx1[block][:, None, :], accumulate)
        if dx2 is not None or dweight is not None:
            xp.multiply(g[:, :, None], x1[block][:, None, :], out=t)
            unproject(xp, t, x2[block], weight, which, block, dx2, dweight, accumulate, add or block.start > 0)
    if dbias is not None:
        bias_gradient(xp, grad_output, dbias, which, accumulate)


def unproject(
    xp: Any, dt: Array, x2: Array, weight: Array, which: Array, block: slice,
    dx2: Array, dweight: Array, add_input: bool, add_weight: bool,
) -> None:  # fmt: skip
    """dx2[b,j] = sum_ki dt[b,k,i] W[k,i,j] and dW[k,i,j] = sum_b dt[b,k,i] x2[b,j], for the rows of a block."""
    out_features, in1, in2 = weight.shape[1:]
    dt = dt.reshape(len(x2), out_features * in1)
    for b, w in groups(xp, which, len(x2), block.start):
        if dx2 is not None and isinstance(b, slice):
            matmul_into(xp, dt[b], weight[w].reshape(-1, in2), dx2[block][b], add_input)
        elif dx2 is not None:
            dx2[block][b] = xp.matmul(dt[b], weight[w].reshape(-1, in2)) + (dx2[block][b] if add_input else 0)
        if dweight is not None:
            for rows in _matrices(dweight[w]):
                target = dweight[w][rows].reshape(-1, in2)
                columns = slice(rows.start * in1, rows.stop * in1)
                matmul_into(xp, dt[b][:, columns].T, x2[b], target, add_weight)


def _matrices(weight: Array) -> Iterator[slice]:
    """Ranges of k whose (k, i) are evenly spaced in memory, so that they are the rows of one matrix."""
    out_features, in1, _ = weight.shape
    even = out_features == 1 or weight.strides[0] == in1 * weight.strides[1]
    for start in range(0, out_features, out_features if even else 1):
        yield slice(start, start + (out_features if even else 1))


def project_rows(xp: Any, x2: Array, weight: Array, which: Array, block: slice, t: Array) -> None:
    """t[b,(k,i)] = sum_j W[k,i,j] x2[b,j]; ``t`` has a row of out * in1 numbers per row of ``x2``."""
    for b, w in groups(xp, which, len(x2), block.start):
        right = weight[w].reshape(t.shape[1], -1).T
        if isinstance(b, slice):
            xp.matmul(x2[b], right, out=t[b])
        else:
            t[b] = xp.matmul(x2[b], right)


def work(problem: Problem) -> Work:
    """One GEMM-equivalent forward; backward three where dx1 is wanted, as t is computed again."""
    rows, per_row = problem.shared, problem.out_features * problem.in1
    gemm, contract = 2 * rows * per_row * problem.in2, 2 * rows * per_row
    passes = (not problem.wrt or "x1" in problem.wrt) + ("x2" in problem.wrt) + ("weight" in problem.wrt)
    groups_of_rows = min(problem.weights, rows) if problem.selected else 1
    moved = rows * per_row * problem.dtype.itemsize + weight_bytes(problem)
    return Work(passes * (gemm + contract), 3 * passes * moved, 5 * passes * groups_of_rows)


def workspace(problem: Problem) -> int:
    """Elements of t for one block of rows."""
    per_row = problem.out_features * problem.in1
    return per_row * block_rows(problem, per_row, problem.shared)


def _project(xp: Any, x2: Array, weight: Array, which: Array, block: slice, t: Array) -> None:
    project_rows(xp, x2, weight, which, block, t.reshape(len(x2), -1))


def _blocks(rows: int, weight: Array, workspace: Array) -> Iterator[tuple[slice, Array]]:
    """Blocks of rows, each with its part of the workspace as t."""
    out_features, in1 = weight.shape[1:3]
    step = len(workspace) // (out_features * in1)
    for start in range(0, rows, step):
        stop = min(rows, start + step)
        t = workspace[: (stop - start) * out_features * in1]
        yield slice(start, stop), t.reshape(stop - start, out_features, in1)
