"""Rows, for small in1 * in2 and many outputs: by z[b,ij] = x1[b,i] x2[b,j]. Backward both inputs as in ``left``."""

from typing import Any

from ....problem import Problem
from ...contract import Work
from ...costs import weight_bytes
from .. import parallel
from ..compiling import absent, weights_of
from ..portable.rows import bias_gradient
from . import left, outer_forward, outer_weight, tasks, tiles, weight_gradient
from .machine import compiler, compiler_if_any
from .panels import even, flop_of, task_flop, up
from .tasks import counting, of_rows, segments

Array = Any


def forward(
    x1: Array, x2: Array, weight: Array, bias: Array | None, which: Array | None, out: Array, workspace: Array
) -> None:
    """out[b,k] = bias[k] + sum_ij z[b,ij] W[k,ij]."""
    compiled, sizes = compiler(x1.dtype), (len(x1), *weight.shape[1:])
    cut = outer_forward.cut_of(*sizes, compiled, task_flop(flop_of(*sizes)))
    order, parts = of_rows(segments(which), len(x1), cut.rows, weight.shape[1], cut.outputs)
    bias = absent(out.dtype, 2) if bias is None else bias
    args = (*outer_forward.tables(cut, compiled), parts, order, counting(64), x1, x2, weight, bias, out)
    tasks.run(outer_forward.outer_forward, args, parts, flop_of(*sizes), workspace, cut.piece)


def backward(
    grad_output: Array, x1: Array, x2: Array, weight: Array, which: Array | None,
    dx1: Array | None, dx2: Array | None, dweight: Array | None, dbias: Array | None,
    workspace: Array, accumulate: bool,
) -> None:  # fmt: skip
    """dx1[b,i] = sum_j u[b,i,j] x2[b,j] and dx2[b,j] = sum_i u[b,i,j] x1[b,i]; dW[k,ij] = sum_b g[b,k] z[b,ij]."""
    left.backward(grad_output, x1, x2, weight, which, dx1, dx2, None, None, workspace, accumulate)
    if dweight is None:
        if dbias is not None:
            operands = (grad_output, weights_of(which), dbias, accumulate)
            parallel.run(bias_gradient, operands, dbias.shape[1], parallel.chunk_size(dbias.shape[1], len(x1)))
        return
    found = segments(which)
    if found is not None and not accumulate:
        weight_gradient.clear_unused(dweight, found)
        if dbias is not None:
            weight_gradient.clear_unused(dbias, found)
    compiled, sizes = compiler(x1.dtype), (len(x1), *weight.shape[1:])
    cut = outer_weight.cut_of(*sizes, compiled, task_flop(flop_of(*sizes)))
    order, parts = of_rows(found, len(x1), len(x1), weight.shape[1], cut.outputs)
    if which is None:
        order = counting(cut.rows)
    sums = absent(x1.dtype, 2) if dbias is None else dbias
    tables = outer_weight.tables(cut, compiled)
    args = (*tables, parts, order, grad_output, x1, x2, dweight, sums, which is not None, accumulate)
    tasks.run(outer_weight.outer_weight, args, parts, flop_of(*sizes), workspace, cut.piece)


def workspace(problem: Problem) -> int:
    """Elements for every thread that may take part."""
    compiled, sizes = compiler(problem.dtype), (problem.shared, problem.out_features, problem.in1, problem.in2)
    flop = task_flop(flop_of(*sizes))
    if not problem.wrt:
        return parallel.participants() * outer_forward.cut_of(*sizes, compiled, flop).piece
    weight = outer_weight.cut_of(*sizes, compiled, flop).piece if "weight" in problem.wrt else 0
    wrt = tuple(name for name in problem.wrt if name != "weight")
    inputs = left.workspace(problem._replace(wrt=wrt)) if {"x1", "x2"} & set(wrt) else 0
    return max(inputs, parallel.participants() * weight)


def work(problem: Problem) -> Work | None:
    """One GEMM-equivalent forward and one for the weight, whose rows or outputs fill tiles; z is made for each."""
    compiled = compiler_if_any(problem.dtype)
    if compiled is None:
        return None
    size, in1, in2, outputs = problem.dtype.itemsize, problem.in1, problem.in2, problem.out_features
    groups = min(problem.weights, problem.shared) if problem.selected else 1
    lanes, tall = compiled.lanes, compiled.sums // 2
    rows = groups * up(-(-problem.shared // groups), tall)
    vectors, blocks = rows * in1 * -(-in2 // lanes), -(-in1 * in2 // outer_forward.BLOCK)
    moved = rows * (in1 + in2 + blocks * outputs) * size + 20 * vectors + 3 * weight_bytes(problem)
    if not problem.wrt:
        chains = 1 + 1 / tiles.CHAIN  # what they add up to
        return Work(int(2 * chains * rows * up(outputs, lanes) * in1 * in2), moved, 4 + groups)
    wrt = tuple(name for name in problem.wrt if name in ("x1", "x2"))
    inputs = left.work(problem._replace(wrt=wrt)) if wrt else Work(0, 0, 0)
    if inputs is None or "weight" not in problem.wrt:
        return inputs
    gemm = 2 * rows * up(outputs, even(outputs, tall)) * up(in1 * in2, lanes)
    return Work(inputs.flop + gemm, inputs.bytes + moved, inputs.calls + 4 + groups)
