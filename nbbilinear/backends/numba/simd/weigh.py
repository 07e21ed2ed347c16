"""Forward: t[j] = sum_i x1[i] W[i,j] in registers, and y += sum_j t x2 from there; lanes are columns of W.

Rows of x1, x2 and y stay where they lie, so that nothing is rearranged: that pays for few outputs.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from ..compiling import loops
from . import moves
from .machine import call, compiler
from .panels import SPARE_BYTES, aligned, even, up, where

BLOCK = 256  # of the sum over i, or j: a panel of the weight stays in the first cache
ROW_BYTES = 1 << 19  # rows of a task, in the second-level cache while panel after panel of the weight passes


class Cut(NamedTuple):
    """How rows and weights are cut."""

    rows: int  # of a task
    outputs: int  # of a task
    lanes: int
    tall: int  # rows of a tile
    last: int  # rows of the last tile
    width: int  # columns of a tile
    sums: int  # block of the sum over i, or over j
    packed: bool  # panels of the weight are packed; else they are read where they lie
    piece: int  # elements of workspace


class Code(NamedTuple):
    """Where the micro-kernels are; each for all columns, and for those at the end."""

    clear: int
    settle: int
    pack: int
    gather: int
    whole_tall: int
    whole_last: int
    end_tall: int
    end_last: int


@lru_cache(maxsize=256)
def cut_of(rows: int, outputs: int, in1: int, in2: int, dtype: Any, flop: int) -> Cut:
    """Cut the product of ``rows`` rows with one weight."""
    compiled, size = compiler(dtype), dtype.itemsize
    vectors = 4 if rows <= compiled.sums // 4 else 2
    tall = even(rows, compiled.sums // vectors)
    group = min(up(rows, tall), up(max(8 * tall, ROW_BYTES // (size * max(in1, in2))), tall))
    some = max(1, min(outputs, flop // (2 * group * in1 * in2)))
    width, block = vectors * compiled.lanes, min(max(in1, in2), BLOCK)
    packed = rows > 2 * tall
    piece = (group + 1) * compiled.lanes + up(block, compiled.lanes) * width + SPARE_BYTES // size
    last = rows - (rows - 1) // tall * tall
    return Cut(group, some, compiled.lanes, tall, last, width, block, packed, piece)


@lru_cache(maxsize=256)
def code_of(emit: Any, cut: Cut, dtype: Any) -> Code:
    """Compile what a cut needs: ``emit`` writes the tiles."""
    compiled, vectors = compiler(dtype), cut.width // cut.lanes
    shapes = [(rows, vectors, masked) for masked in (False, True) for rows in (cut.tall, cut.last)]
    packs = (compiled(moves.pack, cut.width), compiled(moves.gather, vectors))
    return Code(*[compiled(moves.clear, 1), compiled(moves.settle), *packs, *(compiled(emit, *s) for s in shapes)])


@loops
def weigh(cut, code, parts, x1, x2, weight, bias, out, piece, start, stop):
    """Y of all parts from ``start`` on."""
    size, in1, in2 = x1.itemsize, weight.shape[2], weight.shape[3]
    totals = aligned(piece)
    zero = totals + cut.rows * cut.lanes * size
    panel = zero + cut.lanes * size
    call(code.clear, 1, zero)
    for part in range(start, stop):
        first, rows = parts[part, 2], parts[part, 3]
        for k in range(parts[part, 4], parts[part, 4] + parts[part, 5]):
            call(code.clear, rows, totals)
            for i in range(0, in1, cut.sums):
                for j in range(0, in2, cut.width):
                    w = where(weight[0, k]) + (i * in2 + j) * size
                    count, step = min(cut.sums, in1 - i), in2 * size
                    if cut.packed:
                        call(code.pack, w, step, count, in2 - j, panel)
                        w, step = panel, cut.width * size
                    left = where(x1) + first * x1.strides[0] + i * size
                    right = where(x2) + first * x2.strides[0] + j * size
                    _weigh(
                        cut,
                        code,
                        rows,
                        left,
                        x1.strides[0],
                        w,
                        step,
                        count,
                        in2 - j,
                        right,
                        x2.strides[0],
                        totals,
                        size,
                    )
            begin = where(bias) + k * size if bias.size else zero
            target = where(out) + first * out.strides[0] + k * out.strides[1]
            call(code.settle, totals, rows, begin, 0, target, out.strides[0])


@loops
def _weigh(cut, code, rows, left, left_row, w, step, count, columns, right, right_row, totals, size):
    """The part of a panel of the weight in the totals of all rows, tile by tile."""
    tall = code.whole_tall if columns >= cut.width else code.end_tall
    last = code.whole_last if columns >= cut.width else code.end_last
    ahead = 0 if cut.packed else cut.width * size
    for b in range(0, rows, cut.tall):
        weigh = tall if rows - b >= cut.tall else last
        call(weigh, left, left_row, w, step, count, ahead, columns, right, right_row, totals)
        left += cut.tall * left_row
        right += cut.tall * right_row
        totals += cut.tall * cut.lanes * size
