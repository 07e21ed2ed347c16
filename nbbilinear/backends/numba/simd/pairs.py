"""All pairs: t[m,k,i] = sum_j W[k,i,j] x2[m,j] once per row of x2, then out[n,(m,k)] = sum_i x1[n,i] t[(m,k),i].

Backward shares dt[(m,k),i] = sum_n g[n,(m,k)] x1[n,i] between dx2 and dW: two large products, not three.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ....problem import Problem
from ... import costs
from ...contract import Work
from ...grouping import groups
from .. import parallel
from ..compiling import weights_of
from ..portable.rows import bias_gradient
from . import matrix
from .machine import Compiler, compiler, compiler_if_any
from .matrix import Product

Array = Any


class Block(NamedTuple):
    """A block of rows of x2: all rows of some shared ones, or some rows of one."""

    shared: slice
    m: slice
    rows: slice  # the same, counted through
    groups: list[tuple[Any, int]]  # which rows of the block use which weight
    t: Array  # (shared, m, k, i)
    sums: Array  # (shared, m, k)
    pieces: Array  # workspace of the threads
    compiled: Compiler


def forward(
    x1: Array, x2: Array, weight: Array, bias: Array | None, which: Array | None, out: Array, workspace: Array
) -> None:
    """out[s,n,m,k] = bias[k] + sum_i x1[s,n,i] t[s,m,k,i]."""
    for block in _blocks(x2, weight, which, workspace):
        matrix.run(block.compiled, [_map(block, x2, weight, *group) for group in block.groups], block.pieces)
        if bias is not None:
            rows = bias[0] if which is None else bias[which[block.rows]].reshape(block.sums.shape)
            block.sums[...] = rows
        y = out[block.shared, :, block.m]
        places = _places(y)
        times, rows1, rows2, outputs = y.shape
        scores = Product(
            rows1, rows2 * outputs, x1.shape[2],
            a=_at(x1[block.shared]), a_step=x1.strides[1], a_more=x1.strides[0],
            b=_at(block.t), b_step=x1.itemsize, b_unit=block.t.strides[2], b_more=block.t.strides[0],
            c=_at(y), c_step=y.strides[1], c_more=y.strides[0], c_places=_at(places),
            line=_at(None if bias is None else block.sums), line_more=block.sums.strides[0], times=times,
        )  # fmt: skip
        matrix.run(block.compiled, [scores], block.pieces)


def backward(
    grad_output: Array, x1: Array, x2: Array, weight: Array, which: Array | None,
    dx1: Array | None, dx2: Array | None, dweight: Array | None, dbias: Array | None,
    workspace: Array, accumulate: bool,
) -> None:  # fmt: skip
    """dx1[n,i] = sum_mk g[n,(m,k)] t[(m,k),i]; dt[(m,k),i] = sum_n g x1; dx2 = dt W; dW = dt' x2."""
    if dweight is not None and which is not None and not accumulate:
        dweight[...] = 0
    if dx2 is not None and not (accumulate or _is_matrix(weight)):
        dx2[...] = 0
    for block in _blocks(x2, weight, which, workspace):
        g = grad_output[block.shared, :, block.m]
        if dx1 is not None:
            matrix.run(block.compiled, [_map(block, x2, weight, *group) for group in block.groups], block.pieces)
            _backward_x1(block, g, dx1, accumulate or block.m.start > 0)
        if dx2 is not None or dweight is not None:
            _backward_t(block, g, x1)
        if dx2 is not None:
            products = [_backward_x2(block, weight, dx2, accumulate, *group) for group in block.groups]
            matrix.run(block.compiled, products, block.pieces)
        if dweight is not None:
            add = accumulate or which is not None or block.rows.start > 0
            _backward_weight(block, x2, dweight, add)
        if dbias is not None:
            used = weights_of(None if which is None else which[block.rows])
            _backward_bias(block, g, used, dbias, accumulate or block.rows.start > 0)


def _map(block: Block, x2: Array, weight: Array, rows: Any, w: int) -> Product:
    """t[m,(k,i)] = sum_j x2[m,j] W[(k,i),j], for the rows of one weight."""
    first, order, count = _rows(rows)
    times, features = _matrices(weight)
    flat, t = x2.reshape(-1, x2.shape[2])[block.rows], block.t.reshape(-1, *block.t.shape[2:])
    k_step, i_step, j_step = weight.strides[1:]
    return Product(
        count, features, x2.shape[2],
        a=_at(flat[first:]), a_step=flat.strides[0], a_order=order,
        b=_at(weight[w]), b_step=j_step, b_unit=i_step, b_more=k_step,
        c=_at(t[first:]), c_step=t.strides[0], c_order=order, c_more=t.strides[1], times=times,
    )  # fmt: skip


def _backward_x1(block: Block, g: Array, dx1: Array, add: bool) -> None:
    """dx1[s,n,i] (+)= sum_mk g[s,n,(m,k)] t[s,(m,k),i]."""
    times, rows1, rows2, outputs = g.shape
    step, places, by_rows = _lines(g)
    product = Product(
        rows1, dx1.shape[2], rows2 * outputs,
        a=_at(g), a_step=step, a_more=g.strides[0], a_places=_at(places), across=int(not by_rows),
        b=_at(block.t), b_step=block.t.strides[2], b_unit=g.itemsize, b_more=block.t.strides[0],
        c=_at(dx1[block.shared]), c_step=dx1.strides[1], c_more=dx1.strides[0], add=add, times=times,
    )  # fmt: skip
    matrix.run(block.compiled, [product], block.pieces)


def _backward_t(block: Block, g: Array, x1: Array) -> None:
    """dt[s,(m,k),i] = sum_n g[s,n,(m,k)] x1[s,n,i]."""
    times, rows1, rows2, outputs = g.shape
    step, places, by_rows = _lines(g)
    product = Product(
        rows2 * outputs, x1.shape[2], rows1,
        a=_at(g), a_step=step, a_more=g.strides[0], a_places=_at(places), across=int(by_rows),
        b=_at(x1[block.shared]), b_step=x1.strides[1], b_unit=x1.itemsize, b_more=x1.strides[0],
        c=_at(block.t), c_step=block.t.strides[2], c_more=block.t.strides[0], times=times,
    )  # fmt: skip
    matrix.run(block.compiled, [product], block.pieces)


def _backward_x2(block: Block, weight: Array, dx2: Array, accumulate: bool, rows: Any, w: int) -> Product:
    """dx2[m,j] (+)= sum_ki dt[m,(k,i)] W[(k,i),j], for the rows of one weight."""
    first, order, count = _rows(rows)
    times, features = _matrices(weight)
    flat, t = dx2.reshape(-1, dx2.shape[2])[block.rows], block.t.reshape(-1, *block.t.shape[2:])
    k_step, i_step, j_step = weight.strides[1:]
    return Product(
        count, dx2.shape[2], features,
        a=_at(t[first:]), a_step=t.strides[0], a_order=order, a_more=t.strides[1],
        b=_at(weight[w]), b_step=i_step, b_unit=j_step, b_more=k_step,
        c=_at(flat[first:]), c_step=flat.strides[0], c_order=order, add=accumulate or times > 1, times=times,
    )  # fmt: skip


def _backward_weight(block: Block, x2: Array, dweight: Array, add: bool) -> None:
    """dW[(k,i),j] (+)= sum_m dt[m,(k,i)] x2[m,j]."""
    times, features = _matrices(dweight)
    flat, t = x2.reshape(-1, x2.shape[2])[block.rows], block.t.reshape(-1, *block.t.shape[2:])
    k_step, i_step, j_step = dweight.strides[1:]
    places = None if j_step == x2.itemsize else np.arange(x2.shape[2]) * j_step
    products = []
    for rows, w in block.groups:
        first, order, count = _rows(rows)
        products.append(Product(
            features, x2.shape[2], count,
            a=_at(t[first:]), a_step=t.strides[0], a_order=order, a_more=t.strides[1], across=1,
            b=_at(flat[first:]), b_step=flat.strides[0], b_unit=x2.itemsize, b_order=order,
            c=_at(dweight[w]), c_step=i_step, c_places=_at(places), c_more=k_step, add=add, times=times,
        ))  # fmt: skip
    matrix.run(block.compiled, products, block.pieces)


def _backward_bias(block: Block, g: Array, which: Array, dbias: Array, add: bool) -> None:
    """dbias[k] (+)= sum_nm g[n,m,k]: first over n, whole rows at a time."""
    times, rows1, rows2, outputs = g.shape
    parallel.run(_sums_over_rows, (g, block.sums), rows2, parallel.chunk_size(rows2, times * rows1 * outputs))
    sums = block.sums.reshape(-1, outputs)
    parallel.run(bias_gradient, (sums, which, dbias, add), outputs, parallel.chunk_size(outputs, len(sums)))


def _sums_over_rows(g: Array, sums: Array, start: int, stop: int) -> None:
    np.add.reduce(g[:, :, start:stop], axis=1, out=sums[:, start:stop])


def workspace(problem: Problem) -> int:
    """Elements of t and of a row of sums for a block of rows of x2, and what every thread needs."""
    rows = _block_rows(problem.shared * problem.rows2, problem.out_features, problem.in1, problem.dtype.itemsize)
    per_row = problem.out_features * (problem.in1 + 1)
    return rows * per_row + parallel.participants() * matrix.piece_of(compiler(problem.dtype))


def work(problem: Problem) -> Work | None:
    """The products of `pairs_work`; t written and read; where y has columns that lie apart, every number by itself."""
    if compiler_if_any(problem.dtype) is None:
        return None
    flop, _, calls = costs.pairs_work(problem)
    passes, rows2 = calls // 2, problem.shared * problem.rows2
    moved = 2 * rows2 * problem.out_features * problem.in1 * problem.dtype.itemsize + 3 * costs.weight_bytes(problem)
    apart = problem.axes.mirrored and problem.out_features > 1
    moved += 16 * rows2 * problem.rows1 * problem.out_features if apart else 0
    moved += 8000 * problem.shared  # 0.25 us to begin a product
    return Work(flop, passes * moved, 8 * calls + len(problem.wrt) + 11 * passes * costs.pair_groups(problem))


def _block_rows(rows2: int, outputs: int, in1: int, itemsize: int) -> int:
    return max(1, min(rows2, costs.WORKSPACE_BYTES // (itemsize * outputs * (in1 + 1))))


def _blocks(x2: Array, weight: Array, which: Array | None, workspace: Array) -> Iterator[Block]:
    """Blocks of rows of x2 whose t fits."""
    (shared, rows2), (outputs, in1) = x2.shape[:2], weight.shape[1:3]
    step = _block_rows(shared * rows2, outputs, in1, x2.itemsize)
    end, pieces = step * outputs * in1, workspace[step * outputs * (in1 + 1) :]
    shared_step, row_step, compiled = max(1, step // rows2), min(step, rows2), compiler(x2.dtype)
    for s in range(0, shared, shared_step):
        some = slice(s, min(shared, s + shared_step))
        for m in range(0, rows2, row_step):
            few = slice(m, min(rows2, m + row_step))
            rows = slice(s * rows2 + m, (some.stop - 1) * rows2 + few.stop)
            shape = (some.stop - s, few.stop - m, outputs)
            count = shape[0] * shape[1] * outputs
            t, sums = workspace[: count * in1].reshape(*shape, in1), workspace[end : end + count].reshape(shape)
            found = list(groups(np, which, rows.stop - rows.start, rows.start))
            yield Block(some, few, rows, found, t, sums, pieces, compiled)


def _rows(rows: Any) -> tuple[int, int, int]:
    """First row, address of an order (0: as they are), and number of rows."""
    if isinstance(rows, slice):
        return rows.start, 0, rows.stop - rows.start
    return 0, _at(rows), len(rows)


def _matrices(weight: Array) -> tuple[int, int]:
    """How many matrices of how many rows (k,i) a weight is: one, if these are evenly spaced."""
    outputs, in1 = weight.shape[1:3]
    return (1, outputs * in1) if _is_matrix(weight) else (outputs, in1)


def _is_matrix(weight: Array) -> bool:
    return bool(weight.shape[1] == 1 or weight.strides[1] == weight.shape[2] * weight.strides[2])


def _lines(g: Array) -> tuple[int, Array | None, bool]:
    """The step between lines of g[s,n,(m,k)], the places of numbers in one, and whether lines are rows n or columns."""
    places = _places(g)
    if places is not None and g.shape[3] == 1 and g.strides[1] == g.itemsize:
        return g.strides[2], None, False
    return g.strides[1], places, True


def _places(y: Array) -> Array | None:
    """Where the columns (m,k) of a row of y[s,n,m,k] are, in bytes; None where they are neighbours."""
    *_, rows2, outputs = y.shape
    m_step, k_step = y.strides[2:]
    if (outputs == 1 or k_step == y.itemsize) and (rows2 == 1 or m_step == outputs * y.itemsize):
        return None
    return np.add.outer(np.arange(rows2) * m_step, np.arange(outputs) * k_step).reshape(-1)


def _at(array: Array | None) -> int:
    """The address of an array; 0 of none."""
    return 0 if array is None else array.__array_interface__["data"][0]
