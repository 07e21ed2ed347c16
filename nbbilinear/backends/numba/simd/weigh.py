"""Forward: t[j] = sum_i x1[i] W[i,j] in registers, and y += sum_j t x2 from there; lanes are columns of W.

Rows of x1, x2 and y stay where they lie, so that nothing is rearranged: that pays for few outputs.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from ..compiling import loops
from . import moves, row_tiles
from .machine import Compiler, aligned, call, table, where
from .panels import SPARE_BYTES, even, up

BLOCK = 256  # of the sum over i, or j: a panel of the weight stays in the first cache
ROW_BYTES = 1 << 19  # rows of a task, in the second-level cache while panel after panel of the weight passes

MOST_ROWS = 1 << 13  # the same, where they are short


class Cut(NamedTuple):
    """How rows and weights are cut."""

    rows: int  # of a task
    outputs: int  # of a task
    lanes: int
    tall: int  # rows of a tile
    last: int  # rows of the last tile; 0 where that differs from weight to weight
    width: int  # columns of a tile
    end: int  # vectors of the tile at the end of a row: 100 columns take 7 of 16 numbers, not 8
    sums: int  # block of the sum over i, or over j
    piece: int  # elements of workspace


class Code(NamedTuple):
    """Where the micro-kernels are: tiles for whole panels of columns, and for the columns at the end.

    A line for each number of rows that may be over.
    """

    clear: int
    settle: int
    pack: int
    gather: int
    blend: int
    fetch: int
    put: int
    whole: int
    end: int


@lru_cache(maxsize=256)
def cut_of(rows: int, outputs: int, in1: int, in2: int, compiled: Compiler, flop: int, copies: int = 0) -> Cut:
    """Cut the product of ``rows`` rows with one weight, or with several: then ``copies`` are made of rows of a task."""
    size = compiled.itemsize
    vectors = min(4 if copies or rows <= compiled.sums // 4 else 2, -(-max(in1, in2) // compiled.lanes))
    tall = compiled.sums // max(2, vectors)  # more rows would have more addresses than registers
    least = tall if copies else 8 * tall  # copies of rows take memory
    group = up(min(MOST_ROWS, max(least, ROW_BYTES // (size * max(in1, in2)))), tall)
    if not copies:
        tall = even(rows, tall)
    group = min(up(rows, tall), up(group, tall))
    some = max(1, min(outputs, flop // (2 * group * in1 * in2)))
    width, block = vectors * compiled.lanes, min(max(in1, in2), BLOCK)
    piece = (group + 1) * compiled.lanes + up(block, compiled.lanes) * width + SPARE_BYTES // size
    piece += bool(copies) * (group * (copies * (in1 + in2) + 1) + compiled.lanes)
    last = 0 if copies else rows - (rows - 1) // tall * tall
    end = -(-max(1, in1 % width, in2 % width) // compiled.lanes)
    return Cut(group, some, compiled.lanes, tall, last, width, end, block, piece)


@lru_cache(maxsize=256)
def tables(emit: Any, transposed: bool, kept: bool, cut: Cut, compiled: Compiler) -> tuple[Any, Any]:
    """The cut, and the tiles that ``emit`` writes with what they need, compiled; ``kept``: x1 W is, or was."""
    vectors = cut.width // cut.lanes
    moving = (
        compiled(moves.clear, 1),
        compiled(moves.settle),
        compiled(moves.pack, cut.width),
        compiled(moves.gather, vectors) if transposed else 0,
        compiled(row_tiles.blend) if kept and transposed else 0,
        0 if cut.last else compiled(moves.collect),
        0 if cut.last else compiled(row_tiles.put),
    )
    options = () if transposed else (kept,)
    lasts = [cut.last] if cut.last else [max(1, over) for over in range(cut.tall)]
    codes = [
        Code(
            *moving,
            compiled(emit, cut.tall, last, vectors, False, *options),
            compiled(emit, cut.tall, last, cut.end, True, *options),
        )
        for last in lasts
    ]
    return table(cut), table(*codes)


@loops
def weigh(cuts, codes, parts, order, x1, x2, weight, bias, kept, out, piece, start, stop):
    """Y of all parts from ``start`` on, and x1 W where it is kept, rows in their order."""
    cut = cuts[0]
    size, outputs, in1, in2 = x1.itemsize, weight.shape[1], weight.shape[2], weight.shape[3]
    totals = aligned(piece)
    zero = totals + cut.rows * cut.lanes * size
    panel = zero + cut.lanes * size
    y_b = panel + -(-cut.sums // cut.lanes) * cut.lanes * cut.width * size
    call(codes[0].clear, 1, zero)
    for part in range(start, stop):
        s, place, first, rows = parts[part, 0] * outputs, parts[part, 1], parts[part, 2], parts[part, 3]
        code = codes[rows % cut.tall % len(codes)]
        talls, lasts, numbers = rows // cut.tall, 1 if rows % cut.tall else 0, where(order) + 8 * place
        x1_b, x2_b = where(x1) + first * in1 * size, where(x2) + first * in2 * size
        if not cut.last:  # rows of several weights are put side by side
            x1_b = y_b + cut.rows * size
            x2_b = x1_b + cut.rows * in1 * size
            call(code.fetch, where(x1), numbers, in1 * size, rows, in1, x1_b, in1 * size)
            call(code.fetch, where(x2), numbers, in2 * size, rows, in2, x2_b, in2 * size)
        for k in range(parts[part, 4], parts[part, 4] + parts[part, 5]):
            call(code.clear, rows, totals)
            t = where(kept) + ((place + first) * outputs + k) * in2 * size
            for i in range(0, in1, cut.sums):
                add = 1 if i > 0 else 0
                for j in range(0, in2, cut.width):
                    w, count = where(weight) + (((s + k) * in1 + i) * in2 + j) * size, min(cut.sums, in1 - i)
                    step, ahead = in2 * size, cut.width * size
                    if rows > 2 * cut.tall:  # else the weight is read where it lies
                        call(code.pack, w, step, count, in2 - j, panel)
                        w, step, ahead = panel, cut.width * size, 0
                    call(
                        code.whole if in2 - j >= cut.width else code.end, talls, lasts, x1_b + i * size, in1 * size, w,
                        step, count, ahead, in2 - j, x2_b + j * size, in2 * size, totals, t + j * size,
                        outputs * in2 * size, add,
                    )  # fmt: skip
            y = where(out) + first * out.strides[0] + k * out.strides[1]
            begin = where(bias) + (s + k) * size if bias.size else zero
            if cut.last:
                call(code.settle, totals, rows, begin, 0, y, out.strides[0])
            else:
                call(code.settle, totals, rows, begin, 0, y_b, size)
                call(code.put, y_b, size, numbers, y, out.strides[0], rows, 1, 0)
