"""A few rows, lanes are columns of W. Backward g W in registers, then both x1 and x2: the weight is read once."""

from typing import Any

import numpy as np

from ....problem import Problem
from ...contract import Work
from ...costs import weight_bytes
from .. import parallel
from . import columns, share, weight_gradient
from .columns import forward
from .machine import compiler
from .panels import up
from .words import VECTORS_OF

__all__ = ["backward", "forward", "work", "workspace"]

Array = Any


def backward(
    grad_output: Array, x1: Array, x2: Array, weight: Array, which: Array | None,
    dx1: Array | None, dx2: Array | None, dweight: Array | None, dbias: Array | None,
    workspace: Array, accumulate: bool,
) -> None:  # fmt: skip
    """dx1[b,i] = sum_j u x2[b,j] and dx2[b,j] = sum_i u x1[b,i], with u[b,i,j] = sum_k g[b,k] W[k,i,j]."""
    if dx1 is not None or dx2 is not None:
        cut = share.cut_of(*x1.shape, x1.dtype)
        code = share.code_of(len(x1), cut.width // cut.lanes, x1.dtype)
        g, unwanted1, unwanted2 = _lent(workspace[cut.piece :], grad_output.shape, x1.shape, x2.shape)
        np.copyto(g, grad_output)  # its columns may lie apart
        wanted = (unwanted1 if dx1 is None else dx1, unwanted2 if dx2 is None else dx2)
        args = (cut, code, g, x1, x2, weight, *wanted, accumulate)
        parallel.run(share.share, args, 1, 1, workspace[: cut.piece], cut.piece)
    weight_gradient.fill(grad_output, x1, x2, which, dweight, dbias, workspace, accumulate)


def _lent(memory: Array, *shapes: tuple[int, ...]) -> list[Array]:
    """Arrays of these shapes, one after the other in flat memory."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    return [memory[end - int(np.prod(shape)) : end].reshape(shape) for end, shape in zip(ends, shapes, strict=True)]


def workspace(problem: Problem) -> int:
    """Elements: the sums of x1 by lanes, and what stands in for a gradient that is not wanted."""
    if not problem.wrt:
        return columns.workspace(problem)
    rows = problem.shared
    shared = share.cut_of(rows, problem.in1, problem.dtype).piece
    shared += rows * (problem.out_features + problem.in1 + problem.in2)
    return max(shared, parallel.participants() * weight_gradient.most(problem))


def work(problem: Problem) -> Work | None:
    """One GEMM-equivalent forward, one for both inputs and one for the weight, at the speed of reading the weight."""
    if problem.dtype not in VECTORS_OF or problem.selected or problem.shared > share.most_rows(problem.dtype):
        return None
    passes = 1 if not problem.wrt else bool({"x1", "x2"} & set(problem.wrt)) + ("weight" in problem.wrt)
    gemm = 2 * problem.shared * problem.out_features * problem.in1 * up(problem.in2, compiler(problem.dtype).lanes)
    return Work(passes * gemm, passes * weight_bytes(problem), 4)
