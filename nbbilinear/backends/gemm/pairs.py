"""All pairs: t[m,k,i] = sum_j W[k,i,j] x2[m,j] once per row of x2, then one GEMM straight into y.

Both GEMMs are large and neither operand is rearranged: out[n,(m,k)] = sum_i x1[n,i] t[(m,k),i]. Backward shares
dt[(m,k),i] = sum_n g[n,(m,k)] x1[n,i] between dx2 and dW: two large GEMMs, not three.
"""

from collections.abc import Iterator
from typing import Any

from ...problem import Problem
from ..contract import Work
from ..costs import pairs_work, weight_bytes
from .accumulate import bias_gradient, matmul_into
from .project import project, unproject

Array = Any


def forward(
    xp: Any, x1: Array, x2: Array, weight: Array, bias: Array, which: Array, out: Array, workspace: Array
) -> None:
    """out[s,n,m,k] = sum_i x1[s,n,i] t[s,m,k,i] + bias[k]."""
    for s, m, block, t in _blocks(x2, weight, workspace):
        project(xp, _flat(x2)[block], weight, which, block.start, t)
        target = out[s][:, :, m]
        for some in _pieces(target):
            columns, mk = _columns(target, some), t[:, some].reshape(len(t), -1, t.shape[-1])
            xp.matmul(x1[s], mk.swapaxes(1, 2), out=columns)
            if bias is not None:
                columns += _bias_of_columns(xp, bias, which, block, t.shape)[:, :, some].reshape(len(t), 1, -1)


def backward(
    xp: Any, grad_output: Array, x1: Array, x2: Array, weight: Array, which: Array,
    dx1: Array, dx2: Array, dweight: Array, dbias: Array, workspace: Array, accumulate: bool,
) -> None:  # fmt: skip
    """dx1[n,i] = sum_mk g[n,(m,k)] t[(m,k),i]; dt[(m,k),i] = sum_n g x1; dx2 = dt W; dW = dt' x2."""
    if dweight is not None and which is not None and not accumulate:
        dweight[...] = 0
    for s, m, block, t in _blocks(x2, weight, workspace):
        g = grad_output[s][:, :, m]
        if dx1 is not None:
            project(xp, _flat(x2)[block], weight, which, block.start, t)
            for some in _pieces(g):
                mk = t[:, some].reshape(len(t), -1, t.shape[-1])
                matmul_into(xp, _columns(g, some), mk, dx1[s], accumulate or m.start + some.start > 0)
        if dx2 is not None or dweight is not None:
            for some in _pieces(g):
                mk = t[:, some].reshape(len(t), -1, t.shape[-1])
                xp.matmul(_columns(g, some).swapaxes(1, 2), x1[s], out=mk)
            flat = None if dx2 is None else _flat(dx2)[block]
            add = accumulate or which is not None or block.start > 0
            unproject(xp, t, _flat(x2)[block], weight, which, block.start, flat, dweight, accumulate, add)
        if dbias is not None:
            rows = g.sum(axis=1).reshape(-1, g.shape[-1])
            bias_gradient(xp, rows, dbias, None if which is None else which[block], accumulate or block.start > 0)


def work(problem: Problem) -> Work:
    """The products of :func:`pairs_work`, t written and read, and a call for every group of rows or columns."""
    flop, _, calls = pairs_work(problem)
    passes, rows2 = calls // 2, problem.shared * problem.rows2
    moved = 2 * rows2 * problem.out_features * problem.in1 * problem.dtype.itemsize + 3 * weight_bytes(problem)
    calls += problem.shared // 4 + (min(problem.weights, rows2) if problem.selected else 1)
    if problem.axes.mirrored and problem.out_features > 1:
        calls += passes * rows2  # the columns of a mirrored y are no neighbours: one GEMM each
    return Work(flop, passes * moved, calls)


def _blocks(x2: Array, weight: Array, workspace: Array) -> Iterator[tuple[slice, slice, slice, Array]]:
    """Blocks of rows of x2: which shared rows, which of their rows, the same flattened, and the space for t."""
    (shared, rows2), (out_features, in1) = x2.shape[:2], weight.shape[1:3]
    step = len(workspace) // (out_features * in1)
    steps = (max(1, step // rows2), min(step, rows2))
    for s in range(0, shared, steps[0]):
        s_stop = min(shared, s + steps[0])
        for m in range(0, rows2, steps[1]):
            m_stop = min(rows2, m + steps[1])
            shape = (s_stop - s, m_stop - m, out_features, in1)
            t = workspace[: shape[0] * shape[1] * out_features * in1].reshape(shape)
            yield slice(s, s_stop), slice(m, m_stop), slice(s * rows2 + m, (s_stop - 1) * rows2 + m_stop), t


def _pieces(y: Array) -> Iterator[slice]:
    """Ranges of m whose (m, k) are evenly spaced in memory, so that a GEMM can take them as columns."""
    *_, rows2, out_features = y.shape
    even = rows2 == 1 or out_features == 1 or y.strides[-2] == out_features * y.strides[-1]
    for start in range(0, rows2, rows2 if even else 1):
        yield slice(start, start + (rows2 if even else 1))


def _columns(y: Array, some: slice) -> Array:
    """y[s,n,(m,k)] of some m, as a view."""
    part = y[:, :, some]
    return part.reshape(*part.shape[:2], -1)


def _bias_of_columns(xp: Any, bias: Array, which: Array | None, block: slice, shape: tuple[int, ...]) -> Array:
    """The bias of a block's (s, 1, m, k), laid out: adding along a whole row beats adding along a few k by far."""
    shared, rows2, out_features, _ = shape
    rows = xp.broadcast_to(bias, (shared * rows2, out_features)) if which is None else bias[which[block]]
    return rows.reshape(shared, 1, rows2, out_features)


def _flat(x2: Array) -> Array:
    return x2.reshape(-1, x2.shape[-1])
