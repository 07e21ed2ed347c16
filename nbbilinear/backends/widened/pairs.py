"""Blocks of rows of x1 against all of x2, for operands that are stored otherwise than computed with.

The weight and, of one shared row, x2 are converted whole; y, which is as large as both together and more, in blocks.
"""

from collections.abc import Iterator
from typing import Any

from ...problem import Problem
from ..contract import KernelSet
from .blocks import ELEMENTS, Buffers, Convert, fit

Array = Any
# For every block, x2 is mapped through the weight: that is little for as many rows of x1 as so many times in2.
LEAST = 4


def forward(
    kernel: KernelSet, problem: Problem, convert: Convert, x1: Array, x2: Array, weight: Array, bias: Array | None,
    which: Array | None, out: Array, workspace: Array,
) -> None:  # fmt: skip
    """Fill out block by block."""
    block = block_of(problem)
    buffers = Buffers(kernel, convert, _parts(block), workspace)
    w, b = buffers.read("weight", weight), None if bias is None else buffers.read("bias", bias)
    for s in _steps(problem.shared, block.shared):
        c, local = buffers.read("x2", x2[s]), _chosen(which, s, problem)
        for n in _steps(problem.rows1, block.rows1):
            a = buffers.read("x1", x1[s, n])
            y = buffers.block("y", *a.shape[:2], c.shape[1], w.shape[1])
            kernel.forward(a, c, w, b, local, y, buffers.room(_problem(problem, a)))
            buffers.write(out, (s, n), y)


def backward(
    kernel: KernelSet, problem: Problem, convert: Convert, grad_output: Array, x1: Array, x2: Array, weight: Array,
    which: Array | None, dx1: Array | None, dx2: Array | None, dweight: Array | None, dbias: Array | None,
    workspace: Array, accumulate: bool,
) -> None:  # fmt: skip
    """Gradients of x1 are complete block by block, those of x2 shared row by shared row, the others at the end."""
    block = block_of(problem)
    buffers = Buffers(kernel, convert, _parts(block), workspace)
    w, everything = buffers.read("weight", weight), (slice(None),)
    dw = buffers.begin("dweight", dweight, everything, accumulate)
    db = buffers.begin("dbias", dbias, everything, accumulate)
    for s in _steps(problem.shared, block.shared):
        c, local = buffers.read("x2", x2[s]), _chosen(which, s, problem)
        d2 = buffers.begin("dx2", dx2, (s,), accumulate)
        for n in _steps(problem.rows1, block.rows1):
            a, g = buffers.read("x1", x1[s, n]), buffers.read("y", grad_output[s, n])
            d1 = buffers.begin("dx1", dx1, (s, n), accumulate)
            kernel.backward(g, a, c, w, local, d1, d2, dw, db, buffers.room(_problem(problem, a)), True)
            buffers.write(dx1, (s, n), d1)
        buffers.write(dx2, (s,), d2)
    buffers.write(dweight, everything, dw)
    buffers.write(dbias, everything, db)


def workspace(kernel: KernelSet, problem: Problem) -> int:
    """Elements of the weight and its gradient, of the largest other blocks, and what the kernel needs for them."""
    block = block_of(problem)
    return sum(_parts(block).values()) + kernel.workspace(block)


def block_of(problem: Problem) -> Problem:
    """The largest block: some shared rows, or of one some rows of x1."""
    per_row = problem.rows2 * problem.out_features
    rows1 = max(fit(ELEMENTS, per_row, problem.rows1), min(problem.rows1, LEAST * problem.in2))
    return problem._replace(shared=fit(ELEMENTS, problem.rows1 * per_row, problem.shared), rows1=rows1)


def _parts(block: Problem) -> dict[str, int]:
    """Elements of every operand's block."""
    outputs = block.weights * block.out_features
    operands = {
        "x1": block.shared * block.rows1 * block.in1,
        "x2": block.shared * block.rows2 * block.in2,
        "weight": outputs * block.in1 * block.in2,
        "bias": outputs,
    }
    gradients = {f"d{name}": size for name, size in operands.items() if name in block.wrt}
    return {**operands, **gradients, "y": block.shared * block.rows1 * block.rows2 * block.out_features}


def _steps(count: int, step: int) -> Iterator[slice]:
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def _chosen(which: Array | None, s: slice, problem: Problem) -> Array | None:
    """The weights that the rows of x2 of some shared rows use."""
    return None if which is None else which[s.start * problem.rows2 : s.stop * problem.rows2]


def _problem(problem: Problem, x1: Array) -> Problem:
    """The problem of a block."""
    return problem._replace(shared=x1.shape[0], rows1=x1.shape[1])
