"""Few rows, one tile of them: u[j] = sum_k g[k] W[k,i,j] in registers; lanes are j, and the weight is read once."""

from functools import lru_cache
from typing import Any, NamedTuple

from ..compiling import loops
from . import lines, moves
from .machine import Compiler, aligned, call, table, where
from .panels import SPARE_BYTES

BLOCK = 16  # of the sum over k


class Cut(NamedTuple):
    """How a few rows are cut."""

    lanes: int
    width: int  # columns of a tile
    piece: int  # elements of workspace


class Code(NamedTuple):
    """Where the micro-kernels are."""

    clear: int
    settle: int
    share: int


@lru_cache(maxsize=256)
def cut_of(rows: int, in1: int, in2: int, compiled: Compiler) -> Cut:
    """Cut the gradients of ``rows`` rows."""
    vectors = min(4 if rows <= compiled.sums // 4 else 2, -(-in2 // compiled.lanes))
    piece = (in1 * rows + 1) * compiled.lanes + SPARE_BYTES // compiled.itemsize
    return Cut(compiled.lanes, vectors * compiled.lanes, piece)


def most_rows(compiled: Compiler) -> int:
    """Rows of the tallest tile."""
    return compiled.sums // 2


@lru_cache(maxsize=256)
def tables(rows: int, cut: Cut, compiled: Compiler) -> tuple[Any, Any]:
    """The cut, and what it needs, compiled."""
    code = Code(compiled(moves.clear, 1), compiled(moves.settle), compiled(lines.share, rows, cut.width // cut.lanes))
    return table(cut), table(code)


@loops
def share(cuts, codes, grad_output, x1, x2, weight, dx1, dx2, accumulate, piece, _start, _stop):
    """Dx1 and dx2 of all rows."""
    cut, code = cuts[0], codes[0]
    size, (rows, in1), in2, outputs = x1.itemsize, x1.shape, x2.shape[1], weight.shape[1]
    totals = aligned(piece)
    zero = totals + in1 * rows * cut.lanes * size
    call(code.clear, in1 * rows + 1, totals)
    if not accumulate:
        dx2[:] = 0
    wholes = in2 // cut.width
    for k in range(0, outputs, BLOCK):
        call(
            code.share, where(grad_output) + k * size, grad_output.strides[0], where(weight) + k * in1 * in2 * size,
            in1 * in2 * size, in2 * size, min(BLOCK, outputs - k), in1, wholes, 1 if in2 % cut.width else 0,
            in2 % cut.width, where(x1), x1.strides[0], where(x2), x2.strides[0], totals, where(dx2), dx2.strides[0],
        )  # fmt: skip
    if dx1.size:
        for i in range(in1):
            target = where(dx1) + i * size
            begin, step = (target, dx1.strides[0]) if accumulate else (zero, 0)
            call(code.settle, totals + i * rows * cut.lanes * size, rows, begin, step, target, dx1.strides[0])
