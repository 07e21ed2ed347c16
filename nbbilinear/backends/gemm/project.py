"""Rows: t[b,k,i] = sum_j W[k,i,j] x2[b,j] by one GEMM, then out[b,k] = sum_i x1[b,i] t[b,k,i].

The intermediate has out * in1 numbers per row; it is made for blocks of rows and outputs, tall enough that a weight is
not read again for every few rows. The weight is read in its own layout.
"""

from collections.abc import Iterator
from typing import Any

from ...problem import Problem
from ..contract import Work
from ..costs import TALL, block_rows, weight_bytes
from ..grouping import groups, sorted_by_weight
from .accumulate import bias_gradient, matmul_into

Array = Any
_SHORT = 64  # up to this in1 einsum's loop beats a matmul per row (measured at 16, 30, 64, 100, 256)


def forward(
    xp: Any, x1: Array, x2: Array, weight: Array, bias: Array, which: Array, out: Array, workspace: Array
) -> None:
    """out[b,k] = sum_i x1[b,i] t[b,k,i] + bias[k]."""
    order, used = sorted_by_weight(xp, which)
    for b, k, t in _blocks(len(x2), weight, workspace):
        rows = b if order is None else order[b]
        project(xp, x2[rows], weight[:, k], used, b.start, t)
        if x1.shape[1] <= _SHORT or order is not None:
            out[rows, k] = xp.einsum("bki,bi->bk", t, x1[rows])
        else:
            xp.matmul(t, x1[b][:, :, None], out=out[b, k][:, :, None])
    if bias is not None:
        out += bias[0] if which is None else bias[which]


def backward(
    xp: Any, grad_output: Array, x1: Array, x2: Array, weight: Array, which: Array,
    dx1: Array, dx2: Array, dweight: Array, dbias: Array, workspace: Array, accumulate: bool,
) -> None:  # fmt: skip
    """dx1[b,i] = sum_k g[b,k] t[b,k,i]; with dt[b,k,i] = g[b,k] x1[b,i], dx2 = dt W and dW = dt' x2."""
    if dweight is not None and which is not None and not accumulate:
        dweight[...] = 0
    order, used = sorted_by_weight(xp, which)
    for b, k, t in _blocks(len(x2), weight, workspace):
        rows = b if order is None else order[b]
        g, first = grad_output[rows, k], k.start == 0 and not accumulate
        if dx1 is not None:
            project(xp, x2[rows], weight[:, k], used, b.start, t)
            if order is None:
                matmul_into(xp, g[:, None, :], t, dx1[b][:, None, :], not first)
            else:
                dx1[rows] = xp.matmul(g[:, None, :], t)[:, 0] + (0 if first else dx1[rows])
        if dx2 is not None or dweight is not None:
            xp.multiply(g[:, :, None], x1[rows][:, None, :], out=t)
            slab = None if dweight is None else dweight[:, k]
            part = None if dx2 is None else dx2[rows]  # a view, or a copy of rows that lie apart
            add = accumulate or which is not None or b.start > 0
            unproject(xp, t, x2[rows], weight[:, k], used, b.start, part, slab, not first, add)
            if dx2 is not None and order is not None:
                dx2[rows] = part
    if dbias is not None:
        bias_gradient(xp, grad_output, dbias, which, accumulate)


def project(xp: Any, x2: Array, weight: Array, which: Array, first: int, t: Array) -> None:
    """t[b,k,i] = sum_j W[k,i,j] x2[b,j], for rows of x2 from number ``first`` on."""
    for b, w in groups(xp, which, len(x2), first):
        flat = t.reshape(len(x2), -1)
        right = weight[w].reshape(flat.shape[1], -1).T
        if isinstance(b, slice):
            xp.matmul(x2[b], right, out=flat[b])
        else:
            flat[b] = xp.matmul(x2[b], right)


def unproject(
    xp: Any, dt: Array, x2: Array, weight: Array, which: Array, first: int,
    dx2: Array, dweight: Array, add_input: bool, add_weight: bool,
) -> None:  # fmt: skip
    """dx2[b,j] = sum_ki dt[b,k,i] W[k,i,j] and dW[k,i,j] = sum_b dt[b,k,i] x2[b,j], for rows from ``first`` on."""
    out_features, in1, in2 = weight.shape[1:]
    dt = dt.reshape(len(x2), out_features * in1)
    for b, w in groups(xp, which, len(x2), first):
        if dx2 is not None and isinstance(b, slice):
            matmul_into(xp, dt[b], weight[w].reshape(-1, in2), dx2[b], add_input)
        elif dx2 is not None:
            dx2[b] = xp.matmul(dt[b], weight[w].reshape(-1, in2)) + (dx2[b] if add_input else 0)
        if dweight is not None:
            for k in _matrices(dweight[w]):
                columns = slice(k.start * in1, k.stop * in1)
                matmul_into(xp, dt[b][:, columns].T, x2[b], dweight[w][k].reshape(-1, in2), add_weight)


def work(problem: Problem) -> Work:
    """One GEMM-equivalent forward; backward three where dx1 is wanted, as t is computed again."""
    rows, per_row = problem.shared, problem.out_features * problem.in1
    gemm, contract = 2 * rows * per_row * problem.in2, 2 * rows * per_row
    passes = (not problem.wrt or "x1" in problem.wrt) + ("x2" in problem.wrt) + ("weight" in problem.wrt)
    groups_of_rows = min(problem.weights, rows) if problem.selected else 1
    moved = 3 * rows * (per_row + problem.in1 + problem.in2) * problem.dtype.itemsize
    by_group = problem.selected and not problem.wrt  # a weight is then read once, for a few rows
    moved += (1 if by_group else 3) * weight_bytes(problem)
    return Work(passes * (gemm + contract), passes * moved, (3 if by_group else 7) * passes * groups_of_rows)


def workspace(problem: Problem, budget: int | None = None) -> int:
    """Elements of t for one block of rows and outputs."""
    rows = min(problem.shared, TALL)
    outputs = block_rows(problem, rows * problem.in1, problem.out_features, budget)
    per_row = outputs * problem.in1
    return per_row * block_rows(problem, per_row, problem.shared, budget)


def _blocks(rows: int, weight: Array, workspace: Array) -> Iterator[tuple[slice, slice, Array]]:
    """Blocks of rows and of outputs, each with its part of the workspace as t."""
    out_features, in1 = weight.shape[1:3]
    outputs = max(1, min(out_features, len(workspace) // (min(rows, TALL) * in1)))
    step = len(workspace) // (outputs * in1)
    for k in range(0, out_features, outputs):
        k_stop = min(out_features, k + outputs)
        for b in range(0, rows, step):
            shape = (min(rows, b + step) - b, k_stop - k, in1)
            t = workspace[: shape[0] * shape[1] * in1].reshape(shape)
            yield slice(b, b + shape[0]), slice(k, k_stop), t


def _matrices(weight: Array) -> Iterator[slice]:
    """Ranges of k whose (k, i) are evenly spaced in memory, so that they are the rows of one matrix."""
    out_features, in1, _ = weight.shape
    even = out_features == 1 or weight.strides[0] == in1 * weight.strides[1]
    for start in range(0, out_features, out_features if even else 1):
        yield slice(start, start + (out_features if even else 1))
