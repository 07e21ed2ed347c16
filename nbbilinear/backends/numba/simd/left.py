"""Rows, lanes are rows: x1 W in registers, then x2. Backward g W in registers, then both x1 and x2; dW apart."""

from typing import Any

from ....problem import Problem
from ...contract import Work
from ...costs import weight_bytes
from .. import parallel
from ..compiling import absent
from . import project, spread, tasks, weight_gradient
from .machine import compiler, compiler_if_any
from .panels import flop_of, task_flop, up
from .tasks import of_rows, segments

Array = Any


def forward(
    x1: Array, x2: Array, weight: Array, bias: Array | None, which: Array | None, out: Array, workspace: Array
) -> None:
    """out[b,k] = bias[k] + sum_j x2[b,j] t[b,k,j]."""
    compiled, sizes = compiler(x1.dtype), (len(x1), *weight.shape[1:])
    cut = project.cut_of(*sizes, compiled, task_flop(flop_of(*sizes)))
    order, parts = of_rows(segments(which), len(x1), cut.rows, weight.shape[1], cut.outputs)
    bias = absent(out.dtype, 2) if bias is None else bias
    apart = out.strides[1] != out.itemsize
    args = (*project.tables(cut, apart, compiled), parts, order, x1, x2, weight, bias, out)
    tasks.run(project.project, args, parts, flop_of(*sizes), workspace, cut.piece)


def backward(
    grad_output: Array, x1: Array, x2: Array, weight: Array, which: Array | None,
    dx1: Array | None, dx2: Array | None, dweight: Array | None, dbias: Array | None,
    workspace: Array, accumulate: bool,
) -> None:  # fmt: skip
    """dx1[b,i] = sum_j u[b,i,j] x2[b,j] and dx2[b,j] = sum_i u[b,i,j] x1[b,i]; dW and the bias in their own ways."""
    found, compiled = segments(which), compiler(x1.dtype)
    if dx1 is not None or dx2 is not None:
        sizes = (len(x1), *weight.shape[1:])
        cut = spread.cut_of(*sizes, compiled, task_flop(flop_of(*sizes)))
        order, parts = of_rows(found, len(x1), cut.rows, 1, 1)
        wanted = (absent(x1.dtype, 2) if dx1 is None else dx1, absent(x2.dtype, 2) if dx2 is None else dx2)
        apart = grad_output.strides[1] != grad_output.itemsize
        args = (*spread.tables(cut, apart, compiled), parts, order, grad_output, x1, x2, weight, *wanted, accumulate)
        tasks.run(spread.spread, args, parts, 2 * flop_of(*sizes), workspace, cut.piece)
    weight_gradient.fill(grad_output, x1, x2, which, found, dweight, dbias, workspace, accumulate, compiled)


def workspace(problem: Problem) -> int:
    """Elements for every thread that may take part."""
    compiled, sizes = compiler(problem.dtype), (problem.shared, problem.out_features, problem.in1, problem.in2)
    flop = task_flop(flop_of(*sizes))
    if not problem.wrt:
        return parallel.participants() * project.cut_of(*sizes, compiled, flop).piece
    inputs = spread.cut_of(*sizes, compiled, flop).piece if {"x1", "x2"} & set(problem.wrt) else 0
    return parallel.participants() * max(inputs, weight_gradient.most(problem, compiled))


def work(problem: Problem) -> Work | None:
    """One GEMM-equivalent forward, one for both inputs and one for the weight; rows are moved into panels and back.

    For the inputs every sum over k is followed by work of four of its steps.
    """
    compiled = compiler_if_any(problem.dtype)
    if compiled is None:
        return None
    itemsize, outputs = problem.dtype.itemsize, problem.out_features
    lanes, groups = compiled.lanes, min(problem.weights, problem.shared) if problem.selected else 1
    rows = groups * up(-(-problem.shared // groups), lanes)
    gemm = 2 * rows * outputs * problem.in1 * problem.in2
    inputs, weight = bool({"x1", "x2"} & set(problem.wrt)), "weight" in problem.wrt
    passes = inputs + weight if problem.wrt else 1
    flop = passes * gemm + inputs * 4 * gemm // outputs
    flop += weight * gemm * (up(problem.in2, lanes) - problem.in2) // problem.in2  # dW has j in its lanes
    moved = 2 * rows * (problem.in1 + problem.in2 + outputs) * itemsize + weight_bytes(problem)
    panels, tiles_of = -(-rows // (2 * lanes)), -(-problem.in2 // 14)
    tiles = panels * tiles_of * outputs if not problem.wrt else inputs * panels * tiles_of * problem.in1
    tiles += weight * outputs * -(-problem.in1 // 14) * -(-problem.in2 // (2 * lanes))
    return Work(flop, passes * moved + 300 * tiles, passes * (3 + groups))
