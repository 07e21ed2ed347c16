"""Rows, for small in1 * in2 and many outputs: by z[b,ij] = x1[b,i] x2[b,j]. Backward both inputs as in ``left``."""

from typing import Any

from ....problem import Problem
from ...contract import Work
from .. import parallel
from ..compiling import absent
from . import left, outer_forward
from .panels import task_flop, up
from .tasks import counting, of_rows

Array = Any


def forward(
    x1: Array, x2: Array, weight: Array, bias: Array | None, which: Array | None, out: Array, workspace: Array
) -> None:
    """out[b,k] = bias[k] + sum_ij z[b,ij] W[k,ij]."""
    cut = outer_forward.cut_of(len(x1), *weight.shape[1:], x1.dtype, task_flop())
    order, parts = of_rows(which, len(x1), cut.rows, weight.shape[1], cut.outputs)
    bias = absent(out.dtype, 2) if bias is None else bias
    code = outer_forward.code_of(cut.tall, cut.line, cut.in2, x1.dtype)
    args = (cut, code, parts, order, counting(64), x1, x2, weight, bias, out)
    parallel.run(outer_forward.outer_forward, args, len(parts), 1, workspace, cut.piece)


backward = left.backward


def workspace(problem: Problem) -> int:
    """Elements for every thread that may take part."""
    sizes = (problem.shared, problem.out_features, problem.in1, problem.in2)
    if not problem.wrt:
        return parallel.participants() * outer_forward.cut_of(*sizes, problem.dtype, task_flop()).piece
    return left.workspace(problem)


work = left.work
