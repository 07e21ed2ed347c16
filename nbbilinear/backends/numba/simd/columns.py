"""Rows, lanes are columns of W: x1 W in registers, then x2, with rows where they lie; for few outputs or few rows.

For few rows, backward is g W in registers, then both x1 and x2: the weight is read once.
"""

from typing import Any

import numpy as np

from ....problem import Problem
from ...contract import Work
from ...costs import weight_bytes
from .. import parallel
from ..compiling import absent
from . import accumulate as gradients
from . import lines, share, sweep, tasks, weigh, weight_gradient
from .machine import compiler
from .panels import flop_of, task_flop, up
from .tasks import counting, of_rows
from .words import VECTORS_OF

Array = Any


def forward(
    x1: Array, x2: Array, weight: Array, bias: Array | None, which: Array | None, out: Array, workspace: Array
) -> None:
    """out[b,k] = bias[k] + sum_j t[b,k,j] x2[b,j]."""
    sizes, bias = (len(x1), *weight.shape[1:], x1.dtype), absent(out.dtype, 2) if bias is None else bias
    loop, cut = _forward_of(*sizes)
    tables = sweep.tables(cut, x1.dtype) if loop is sweep.sweep else weigh.tables(lines.weigh, False, cut, x1.dtype)
    _, parts = of_rows(which, len(x1), cut.rows, weight.shape[1], cut.outputs)
    args = (*tables, parts, x1, x2, weight, bias, out)
    tasks.run(loop, args, parts, flop_of(*sizes[:-1]), workspace, cut.piece)


def _forward_of(*sizes: Any) -> tuple[Any, Any]:
    """The loop for y of these sizes and dtype, and its cut."""
    if sweep.pays(*sizes):
        return sweep.sweep, sweep.cut_of(*sizes, task_flop(flop_of(*sizes[:-1])))
    return weigh.weigh, weigh.cut_of(*sizes, task_flop(flop_of(*sizes[:-1])))


def backward(
    grad_output: Array, x1: Array, x2: Array, weight: Array, which: Array | None,
    dx1: Array | None, dx2: Array | None, dweight: Array | None, dbias: Array | None,
    workspace: Array, accumulate: bool,
) -> None:  # fmt: skip
    """dx2[b,j] = sum_k g[b,k] t[b,k,j], and dx1 the same with the weight transposed."""
    if dx1 is not None or dx2 is not None:
        inputs = _few if _are_few(len(x1), weight.shape[1], x1.dtype) else _many
        inputs(grad_output, x1, x2, weight, dx1, dx2, workspace, accumulate)
    weight_gradient.fill(grad_output, x1, x2, which, dweight, dbias, workspace, accumulate)


def _many(
    grad_output: Array, x1: Array, x2: Array, weight: Array, dx1: Array | None, dx2: Array | None,
    workspace: Array, accumulate: bool,
) -> None:  # fmt: skip
    """Two products, one for each gradient."""
    sizes = (len(x1), *weight.shape[1:])
    cut = weigh.cut_of(*sizes, x1.dtype, task_flop(flop_of(*sizes)))
    _, parts = of_rows(None, len(x1), cut.rows, 1, 1)
    wanted = (absent(x1.dtype, 2) if dx1 is None else dx1, absent(x2.dtype, 2) if dx2 is None else dx2)
    tables = weigh.tables(lines.accumulate, True, cut, x1.dtype)
    args = (*tables, parts, counting(cut.width), grad_output, x1, x2, weight, *wanted, accumulate)
    tasks.run(gradients.accumulate, args, parts, 2 * flop_of(*sizes), workspace, cut.piece)


def _few(
    grad_output: Array, x1: Array, x2: Array, weight: Array, dx1: Array | None, dx2: Array | None,
    workspace: Array, accumulate: bool,
) -> None:  # fmt: skip
    """One product for both gradients, at the speed of reading the weight."""
    cut = share.cut_of(*x1.shape, x2.shape[1], x1.dtype)
    g, *wanted = _lent(workspace[cut.piece :], (grad_output, x1, x2), (grad_output, dx1, dx2))
    if g is not grad_output:
        np.copyto(g, grad_output)
    args = (*share.tables(len(x1), cut, x1.dtype), g, x1, x2, weight, *wanted, accumulate)
    parallel.run(share.share, args, 1, 1, workspace[: cut.piece], cut.piece)


def _are_few(rows: int, outputs: int, dtype: Any) -> bool:
    """Whether one tile has all rows, and sums over k are worth making; two outputs measured equal."""
    return rows <= share.most_rows(dtype) and outputs > 2


def _lent(memory: Array, shapes: tuple[Array, ...], given: tuple[Array | None, ...]) -> list[Array]:
    """What is given, if rows lie side by side; else arrays of the same shapes, one after the other in flat memory."""
    arrays, begin = [], 0
    for like, array in zip(shapes, given, strict=True):
        lend = array is None or not array.flags.c_contiguous
        arrays.append(memory[begin : begin + like.size].reshape(like.shape) if lend else array)
        begin += like.size
    return arrays


def workspace(problem: Problem) -> int:
    """Elements for every thread that may take part; for few rows also what stands in for an unwanted gradient."""
    rows, sizes = problem.shared, (problem.out_features, problem.in1, problem.in2)
    if not problem.wrt:
        piece: int = _forward_of(rows, *sizes, problem.dtype)[1].piece
        return parallel.participants() * piece
    most = weight_gradient.most(problem)
    if not {"x1", "x2"} & set(problem.wrt):
        return parallel.participants() * most
    if _are_few(rows, problem.out_features, problem.dtype):
        few = share.cut_of(rows, problem.in1, problem.in2, problem.dtype).piece + rows * sum(sizes)
        return max(few, parallel.participants() * most)
    cut = weigh.cut_of(rows, *sizes, problem.dtype, task_flop(flop_of(rows, *sizes)))
    return parallel.participants() * max(most, cut.piece)


def work(problem: Problem) -> Work | None:
    """One GEMM-equivalent forward; backward one for each gradient, or for few rows one for both inputs.

    Rows where they lie take more addresses, by a sixteenth, and every sum over i is followed by work of three of its
    steps; columns of W and gradients that are added to take a quarter.
    """
    if problem.dtype not in VECTORS_OF or problem.selected:
        return None
    rows, outputs, itemsize = problem.shared, problem.out_features, problem.dtype.itemsize
    lanes = compiler(problem.dtype).lanes
    gemm = 2 * rows * outputs * problem.in1 * up(problem.in2, lanes * min(2, -(-problem.in2 // lanes)))
    inputs, weight = len({"x1", "x2"} & set(problem.wrt)), "weight" in problem.wrt
    if not problem.wrt:
        passes = 1
        one_pass = sweep.pays(rows, outputs, problem.in1, problem.in2, problem.dtype)
        flop = gemm if one_pass else gemm * 17 // 16 + 3 * gemm // problem.in1
    elif inputs and _are_few(rows, outputs, problem.dtype):
        passes = 1 + weight
        flop = passes * gemm + 4 * gemm // min(outputs, share.BLOCK)
    else:
        passes = inputs + weight
        flop = inputs * gemm * 5 // 4 + weight * gemm
    moved = rows * (problem.in1 + problem.in2) * itemsize + weight_bytes(problem)
    totals = 0 if problem.wrt else 128 * rows * outputs  # lanes are added up for every row and output
    return Work(flop, passes * moved + totals, 4 * (bool(inputs) + weight if problem.wrt else 1))
