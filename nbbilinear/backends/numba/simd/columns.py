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
from .machine import Compiler, compiler, compiler_if_any
from .panels import flop_of, task_flop, up
from .tasks import Segments, counting, of_rows, segments

Array = Any


def forward(
    x1: Array, x2: Array, weight: Array, bias: Array | None, which: Array | None, out: Array, workspace: Array,
    kept: Array | None = None,
) -> None:  # fmt: skip
    """out[b,k] = bias[k] + sum_j t[b,k,j] x2[b,j]; t is kept where there is memory for it, rows by their weight."""
    compiled, sizes = compiler(x1.dtype), (len(x1), *weight.shape[1:])
    bias = absent(out.dtype, 2) if bias is None else bias
    loop, cut = _forward_of(*sizes, compiled, selected=which is not None)
    order, parts = of_rows(segments(which), len(x1), cut.rows, weight.shape[1], cut.outputs)
    if loop is sweep.sweep:
        args: Any = (*sweep.tables(cut, compiled), parts, x1, x2, weight, bias, out)
    else:
        tables = weigh.tables(lines.weigh, False, kept is not None, cut, compiled)
        t = absent(x1.dtype, 1) if kept is None else kept
        args = (*tables, parts, order, x1, x2, weight, bias, t, out)
    tasks.run(loop, args, parts, flop_of(*sizes), workspace, cut.piece)


def _forward_of(*sizes: Any, selected: bool) -> tuple[Any, Any]:
    """The loop for y of these sizes, compiled by the last, and its cut."""
    flop = task_flop(flop_of(*sizes[:4]))
    if not selected and sweep.pays(*sizes):  # which keeps nothing
        return sweep.sweep, sweep.cut_of(*sizes, flop)
    return weigh.weigh, weigh.cut_of(*sizes, flop, 1 if selected else 0)


def backward(
    grad_output: Array, x1: Array, x2: Array, weight: Array, which: Array | None,
    dx1: Array | None, dx2: Array | None, dweight: Array | None, dbias: Array | None,
    workspace: Array, accumulate: bool, kept: Array | None = None,
) -> None:  # fmt: skip
    """dx2[b,j] = sum_k g[b,k] t[b,k,j], and dx1 the same with the weight transposed."""
    found, compiled = segments(which), compiler(x1.dtype)
    if dx1 is not None or dx2 is not None:
        if which is None and kept is None and _are_few(len(x1), weight.shape[1], compiled):
            _few(grad_output, x1, x2, weight, dx1, dx2, workspace, accumulate, compiled)
        else:
            _many(grad_output, x1, x2, weight, found, kept, dx1, dx2, workspace, accumulate, compiled)
    weight_gradient.fill(grad_output, x1, x2, which, found, dweight, dbias, workspace, accumulate, compiled)


def _inputs_of(*sizes: Any, selected: bool) -> weigh.Cut:
    """The cut of both inputs' gradients."""
    return weigh.cut_of(*sizes, task_flop(flop_of(*sizes[:4])), 2 if selected else 0)


def _many(
    grad_output: Array, x1: Array, x2: Array, weight: Array, found: Segments | None, kept: Array | None,
    dx1: Array | None, dx2: Array | None, workspace: Array, accumulate: bool, compiled: Compiler,
) -> None:  # fmt: skip
    """Two products, one for each gradient; one where x1 W was kept."""
    sizes = (len(x1), *weight.shape[1:])
    cut = _inputs_of(*sizes, compiled, selected=found is not None)
    order, parts = of_rows(found, len(x1), cut.rows, 1, 1)
    wanted = (absent(x1.dtype, 2) if dx1 is None else dx1, absent(x2.dtype, 2) if dx2 is None else dx2)
    tables = weigh.tables(lines.accumulate, True, kept is not None, cut, compiled)
    t = absent(x1.dtype, 1) if kept is None or dx2 is None else kept
    numbers = counting(cut.width)
    args = (*tables, parts, order, numbers, grad_output, x1, x2, weight, t, *wanted, accumulate)
    tasks.run(gradients.accumulate, args, parts, 2 * flop_of(*sizes), workspace, cut.piece)


def _few(
    grad_output: Array, x1: Array, x2: Array, weight: Array, dx1: Array | None, dx2: Array | None,
    workspace: Array, accumulate: bool, compiled: Compiler,
) -> None:  # fmt: skip
    """One product for both gradients, at the speed of reading the weight."""
    cut = share.cut_of(*x1.shape, x2.shape[1], compiled)
    g, *wanted = _lent(workspace[cut.piece :], (grad_output, x1, x2), (grad_output, dx1, dx2))
    if g is not grad_output:
        np.copyto(g, grad_output)
    args = (*share.tables(len(x1), cut, compiled), g, x1, x2, weight, *wanted, accumulate)
    parallel.run(share.share, args, 1, 1, workspace[: cut.piece], cut.piece)


def _are_few(rows: int, outputs: int, compiled: Compiler) -> bool:
    """Whether one tile has all rows, and sums over k are worth making; two outputs measured equal."""
    return rows <= share.most_rows(compiled) and outputs > 2


def keeping(problem: Problem) -> Work | None:
    """A forward that keeps t, and all gradients: one product less, and t written and read."""
    compiled = compiler_if_any(problem.dtype)
    if compiled is None:
        return None
    rows, outputs = problem.shared, problem.out_features
    few = _are_few(rows, outputs, compiled) or sweep.pays(rows, outputs, problem.in1, problem.in2, compiled)
    parts = [work(problem._replace(wrt=wrt)) for wrt in ((), ("x1", "weight", "bias"))]
    if (few and not problem.selected) or None in parts:
        return None
    flop, moved, calls = (sum(some) for some in zip(*parts, strict=True))
    return Work(flop, moved + 5 * elements(problem) * compiled.itemsize, calls)


def elements(problem: Problem) -> int:
    """Elements of t."""
    return problem.shared * problem.out_features * problem.in2


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
    rows, outputs, selected, compiled = problem.shared, problem.out_features, problem.selected, compiler(problem.dtype)
    sizes = (rows, outputs, problem.in1, problem.in2)
    if not problem.wrt:
        forward_piece: int = _forward_of(*sizes, compiled, selected=selected)[1].piece
        return parallel.participants() * forward_piece
    most = weight_gradient.most(problem, compiled)
    if not {"x1", "x2"} & set(problem.wrt):
        return parallel.participants() * most
    most = parallel.participants() * max(most, _inputs_of(*sizes, compiled, selected=selected).piece)
    if not selected and _are_few(rows, outputs, compiled):
        few = share.cut_of(rows, problem.in1, problem.in2, compiled).piece
        return max(most, few + rows * sum(sizes[1:]))
    return most


def work(problem: Problem) -> Work | None:
    """One GEMM-equivalent forward; backward one for each gradient, or for few rows one for both inputs.

    Rows where they lie take more addresses, by a sixteenth, and every sum over i is followed by work of three of its
    steps; columns of W and gradients that are added to take a quarter.
    """
    compiled = compiler_if_any(problem.dtype)
    if compiled is None:
        return None
    if problem.selected:
        return _work_of_segments(problem, compiled)
    rows, outputs, itemsize = problem.shared, problem.out_features, problem.dtype.itemsize
    lanes = compiled.lanes
    gemm = 2 * rows * outputs * problem.in1 * up(problem.in2, lanes * min(2, -(-problem.in2 // lanes)))
    inputs, weight = len({"x1", "x2"} & set(problem.wrt)), "weight" in problem.wrt
    if not problem.wrt:
        passes = 1
        one_pass = sweep.pays(rows, outputs, problem.in1, problem.in2, compiled)
        flop = gemm if one_pass else gemm * 17 // 16 + 3 * gemm // problem.in1
    elif inputs and _are_few(rows, outputs, compiled):
        passes = 1 + weight
        flop = passes * gemm + 4 * gemm // min(outputs, share.BLOCK)
    else:
        passes = inputs + weight
        flop = inputs * gemm * 5 // 4 + weight * gemm
    moved = rows * (problem.in1 + problem.in2) * itemsize + weight_bytes(problem)
    totals = 0 if problem.wrt else 128 * rows * outputs  # lanes are added up for every row and output
    return Work(flop, passes * moved + totals, 4 * (bool(inputs) + weight if problem.wrt else 1))


def _work_of_segments(problem: Problem, compiled: Compiler) -> Work:
    """The same of rows that choose a weight: each takes one row more, and backward four to turn it in panels."""
    itemsize, outputs, in1 = problem.dtype.itemsize, problem.out_features, problem.in1
    lanes, groups = compiled.lanes, min(problem.weights, problem.shared)
    row = 2 * outputs * in1 * up(problem.in2, lanes * min(4, -(-problem.in2 // lanes)))
    inputs, weight = len({"x1", "x2"} & set(problem.wrt)), "weight" in problem.wrt
    if not problem.wrt:
        flop = (problem.shared + 2 * groups) * row * 9 // 8
    else:
        flop = inputs * (problem.shared + 4 * groups) * row * 5 // 4
        flop += weight * groups * up(-(-problem.shared // groups), lanes) * row
    passes = inputs + weight if problem.wrt else 1
    moved = 2 * problem.shared * (in1 + problem.in2 + outputs) * itemsize + weight_bytes(problem)
    return Work(flop, passes * moved + 128 * problem.shared * outputs * (not problem.wrt), 6 * passes + groups // 4)
