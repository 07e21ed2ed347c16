"""Blocks of rows by blocks of outputs, for operands that are stored otherwise than computed with."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ...problem import Problem
from ..contract import KernelSet
from .blocks import ELEMENTS, Buffers, Chunk, Convert, Place, chunks, fit

Array = Any


def forward(
    kernel: KernelSet, problem: Problem, convert: Convert, x1: Array, x2: Array, weight: Array, bias: Array | None,
    which: Array | None, out: Array, workspace: Array,
) -> None:  # fmt: skip
    """Fill out block by block."""
    block = block_of(problem)
    buffers = Buffers(kernel, convert, _parts(block), workspace)
    for chunk in chunks(which, block.weights):
        for some in _outputs(block, problem):
            w = buffers.read("weight", weight[chunk.weights, some])
            b = None if bias is None else buffers.read("bias", bias[chunk.weights, some])
            for rows, local in chunk.rows(len(x1), block.shared):
                a, c = buffers.read("x1", x1[rows]), buffers.read("x2", x2[rows])
                y = buffers.block("y", len(a), w.shape[1])
                kernel.forward(a, c, w, b, local, y, buffers.room(_problem(problem, a, w)))
                buffers.write(out, (rows, some), y)


def backward(
    kernel: KernelSet, problem: Problem, convert: Convert, grad_output: Array, x1: Array, x2: Array, weight: Array,
    which: Array | None, dx1: Array | None, dx2: Array | None, dweight: Array | None, dbias: Array | None,
    workspace: Array, accumulate: bool,
) -> None:  # fmt: skip
    """Sums over outputs are complete row by row, those over rows output by output: two passes where both are cut."""
    for gradient in (dweight, dbias):
        if gradient is not None and which is not None and not accumulate:
            gradient[...] = 0  # no chunk has the weights that no row uses
    block = block_of(problem)
    buffers = Buffers(kernel, convert, _parts(block), workspace)
    step = _Step(buffers, problem, grad_output, x1, x2, accumulate)
    for chunk in chunks(which, block.weights):
        if block.out_features == problem.out_features:
            _by_outputs(step, block, chunk, weight, dx1, dx2, dweight, dbias)
        else:
            _by_outputs(step, block, chunk, weight, None, None, dweight, dbias)
            _by_rows(step, block, chunk, weight, dx1, dx2)


class _Step(NamedTuple):
    """What every block of a backward call has in common."""

    buffers: Buffers
    problem: Problem
    grad_output: Array
    x1: Array
    x2: Array
    accumulate: bool

    def run(self, rows: Place, some: slice, local: Array | None, w: Array, *gradients: Array | None) -> None:
        """Add a block's part to gradients."""
        buffers = self.buffers
        a, c = buffers.read("x1", self.x1[rows]), buffers.read("x2", self.x2[rows])
        g = buffers.read("y", self.grad_output[rows, some])
        room = buffers.room(_problem(self.problem, a, w))
        buffers.kernel.backward(g, a, c, w, local, *gradients, room, True)


def _by_outputs(
    step: _Step, block: Problem, chunk: Chunk, weight: Array,
    dx1: Array | None, dx2: Array | None, dweight: Array | None, dbias: Array | None,
) -> None:  # fmt: skip
    """Gradients of the weight and the bias, output by output; of the inputs too, where one block has all outputs."""
    if dx1 is dx2 is dweight is dbias is None:
        return
    buffers, accumulate = step.buffers, step.accumulate
    for some in _outputs(block, step.problem):
        place = (chunk.weights, some)
        dw, db = buffers.begin("dweight", dweight, place, accumulate), buffers.begin("dbias", dbias, place, accumulate)
        without_inputs = dx1 is dx2 is None and dw is not None
        w = dw if without_inputs else buffers.read("weight", weight[place])  # of which only the shape then matters
        for rows, local in chunk.rows(len(step.x1), block.shared):
            d1, d2 = buffers.begin("dx1", dx1, (rows,), accumulate), buffers.begin("dx2", dx2, (rows,), accumulate)
            step.run(rows, some, local, w, d1, d2, dw, db)
            buffers.write(dx1, (rows,), d1)
            buffers.write(dx2, (rows,), d2)
        buffers.write(dweight, place, dw)
        buffers.write(dbias, place, db)


def _by_rows(step: _Step, block: Problem, chunk: Chunk, weight: Array, dx1: Array | None, dx2: Array | None) -> None:
    """Gradients of the inputs, block of rows by block of rows."""
    if dx1 is dx2 is None:
        return
    buffers, accumulate = step.buffers, step.accumulate
    for rows, local in chunk.rows(len(step.x1), block.shared):
        d1, d2 = buffers.begin("dx1", dx1, (rows,), accumulate), buffers.begin("dx2", dx2, (rows,), accumulate)
        for some in _outputs(block, step.problem):
            w = buffers.read("weight", weight[chunk.weights, some])
            step.run(rows, some, local, w, d1, d2, None, None)
        buffers.write(dx1, (rows,), d1)
        buffers.write(dx2, (rows,), d2)


def workspace(kernel: KernelSet, problem: Problem) -> int:
    """Elements of the largest blocks, and what the kernel needs for them."""
    block = block_of(problem)
    return sum(_parts(block).values()) + kernel.workspace(block)


def block_of(problem: Problem) -> Problem:
    """The largest block: some rows, some outputs, some weights."""
    per_output = problem.in1 * problem.in2
    outputs = fit(2 * ELEMENTS, per_output, problem.out_features)
    rows = fit(ELEMENTS, max(problem.in1 + problem.in2, outputs), problem.shared)
    weights = fit(2 * ELEMENTS, outputs * per_output, problem.weights) if problem.selected else 1
    return problem._replace(shared=rows, out_features=outputs, weights=weights)


def _parts(block: Problem) -> dict[str, int]:
    """Elements of every operand's block."""
    rows, outputs = block.shared, block.weights * block.out_features
    operands = {
        "x1": rows * block.in1,
        "x2": rows * block.in2,
        "weight": outputs * block.in1 * block.in2,
        "bias": outputs,
    }
    gradients = {f"d{name}": size for name, size in operands.items() if name in block.wrt}
    return {**operands, **gradients, "y": rows * block.out_features}


def _outputs(block: Problem, problem: Problem) -> Iterator[slice]:
    """The outputs of block after block."""
    step, count = block.out_features, problem.out_features
    return (slice(k, min(k + step, count)) for k in range(0, count, step))


def _problem(problem: Problem, x1: Array, weight: Array) -> Problem:
    """The problem of a block."""
    return problem._replace(shared=len(x1), weights=weight.shape[0], out_features=weight.shape[1])
