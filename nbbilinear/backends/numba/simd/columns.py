"""Rows, lanes are columns of W: x1 W in registers, then x2; for few outputs. Nothing but the weight is rearranged."""

from typing import Any

from ....problem import Problem
from ...contract import Work
from ...costs import weight_bytes
from .. import parallel
from ..compiling import absent
from . import accumulate as gradients
from . import lines, weigh, weight_gradient
from .machine import compiler
from .panels import task_flop, up
from .tasks import counting, of_rows
from .words import VECTORS_OF

Array = Any


def forward(
    x1: Array, x2: Array, weight: Array, bias: Array | None, which: Array | None, out: Array, workspace: Array
) -> None:
    """out[b,k] = bias[k] + sum_j t[b,k,j] x2[b,j]."""
    cut = weigh.cut_of(len(x1), *weight.shape[1:], x1.dtype, task_flop())
    _, parts = of_rows(which, len(x1), cut.rows, weight.shape[1], cut.outputs)
    code = weigh.code_of(lines.weigh, False, cut.tall, cut.last, cut.width, x1.dtype)
    bias = absent(out.dtype, 2) if bias is None else bias
    parallel.run(weigh.weigh, (cut, code, parts, x1, x2, weight, bias, out), len(parts), 1, workspace, cut.piece)


def backward(
    grad_output: Array, x1: Array, x2: Array, weight: Array, which: Array | None,
    dx1: Array | None, dx2: Array | None, dweight: Array | None, dbias: Array | None,
    workspace: Array, accumulate: bool,
) -> None:  # fmt: skip
    """dx2[b,j] = sum_k g[b,k] t[b,k,j], and dx1 the same with the weight transposed."""
    if dx1 is not None or dx2 is not None:
        cut = weigh.cut_of(len(x1), *weight.shape[1:], x1.dtype, task_flop())
        _, parts = of_rows(which, len(x1), cut.rows, 1, 1)
        wanted = (absent(x1.dtype, 2) if dx1 is None else dx1, absent(x2.dtype, 2) if dx2 is None else dx2)
        code = weigh.code_of(lines.accumulate, True, cut.tall, cut.last, cut.width, x1.dtype)
        args = (cut, code, parts, counting(cut.width), grad_output, x1, x2, weight, *wanted, accumulate)
        parallel.run(gradients.accumulate, args, len(parts), 1, workspace, cut.piece)
    weight_gradient.fill(grad_output, x1, x2, which, dweight, dbias, workspace, accumulate)


def workspace(problem: Problem) -> int:
    """Elements for every thread that may take part."""
    sizes = (problem.shared, problem.out_features, problem.in1, problem.in2)
    rows = weigh.cut_of(*sizes, problem.dtype, task_flop()).piece
    return parallel.participants() * max(rows, weight_gradient.most(problem))


def work(problem: Problem) -> Work | None:
    """One GEMM-equivalent forward; backward one for each gradient. Lanes are added up for every row and output."""
    if problem.dtype not in VECTORS_OF or problem.selected:
        return None
    itemsize, outputs = problem.dtype.itemsize, problem.out_features
    passes = len({"x1", "x2", "weight"} & set(problem.wrt)) if problem.wrt else 1
    gemm = 2 * problem.shared * outputs * problem.in1 * up(problem.in2, compiler(problem.dtype).lanes)
    moved = problem.shared * (problem.in1 + problem.in2) * itemsize + weight_bytes(problem)
    totals = 0 if problem.wrt else 128 * problem.shared * outputs
    return Work(passes * gemm, passes * moved + totals, 3)
