"""Few rows, one tile of them: u[j] = sum_k g[k] W[k,i,j] in registers; lanes are j, and the weight is read once."""

from functools import lru_cache
from typing import Any, NamedTuple

from ..compiling import loops
from . import moves, tiles
from .machine import aligned, call, compiler, where
from .panels import SPARE_BYTES


class Cut(NamedTuple):
    """How a few rows are cut."""

    lanes: int
    width: int  # columns of a tile
    piece: int  # elements of workspace


class Code(NamedTuple):
    """Where the micro-kernels are."""

    clear: int
    settle: int
    whole: int
    end: int


@lru_cache(maxsize=256)
def cut_of(rows: int, in1: int, dtype: Any) -> Cut:
    """Cut the gradients of ``rows`` rows."""
    compiled = compiler(dtype)
    vectors = 4 if rows <= compiled.sums // 4 else 2
    piece = (in1 * rows + 1) * compiled.lanes + SPARE_BYTES // dtype.itemsize
    return Cut(compiled.lanes, vectors * compiled.lanes, piece)


def most_rows(dtype: Any) -> int:
    """Rows of the tallest tile."""
    return compiler(dtype).sums // 2


@lru_cache(maxsize=256)
def code_of(rows: int, vectors: int, dtype: Any) -> Code:
    """Compile what a cut needs."""
    compiled = compiler(dtype)
    shares = (compiled(tiles.share, rows, vectors, masked) for masked in (False, True))
    return Code(*[compiled(moves.clear, 1), compiled(moves.settle), *shares])


@loops
def share(cut, code, grad_output, x1, x2, weight, dx1, dx2, accumulate, piece, _start, _stop):
    """Dx1 and dx2 of all rows."""
    size, (rows, in1), in2 = x1.itemsize, x1.shape, x2.shape[1]
    totals = aligned(piece)
    zero = totals + in1 * rows * cut.lanes * size
    call(code.clear, in1 * rows + 1, totals)
    if not accumulate:
        dx2[:] = 0
    for j in range(0, in2, cut.width):
        tile = code.whole if in2 - j >= cut.width else code.end
        for i in range(in1):
            w, step = where(weight) + (i * in2 + j) * size, in1 * in2 * size
            ahead = in2 * size
            call(
                tile, where(grad_output), grad_output.strides[0], w, step, weight.shape[1], ahead, in2 - j,
                where(x1) + i * size, x1.strides[0], where(x2) + j * size, x2.strides[0],
                totals + i * rows * cut.lanes * size, where(dx2) + j * size, dx2.strides[0],
            )  # fmt: skip
    if dx1.size:
        for i in range(in1):
            target = where(dx1) + i * size
            begin, step = (target, dx1.strides[0]) if accumulate else (zero, 0)
            call(code.settle, totals + i * rows * cut.lanes * size, rows, begin, step, target, dx1.strides[0])
