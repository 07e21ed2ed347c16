"""Forward by the outer product: z[b,ij] = x1[b,i] x2[b,j] in the first cache, then y[b,k] += sum_ij z[b,ij] W[k,ij].

Lanes are k, and rows of y are written where they lie. With rows as lanes, y has to be turned: measured 1.5 to 2 times
slower at (16384, 8, 8, 256).
"""

from functools import lru_cache
from typing import Any, NamedTuple

from ..compiling import loops
from . import moves, tiles
from .machine import Compiler, aligned, call, table, where
from .panels import SPARE_BYTES, WEIGHT_BYTES, even, up

Array = Any

BLOCK = 256  # numbers of z in a row: with a panel of the weight in the first cache
Z_BYTES = 1 << 14  # of z for rows that share a panel of the weight; 32 kB measured up to 10 % slower, 128 kB 20 to 80 %


class Cut(NamedTuple):
    """How the forward pass is cut."""

    rows: int  # of a task
    outputs: int  # of a task
    lanes: int
    tall: int  # rows of a tile
    block: int  # rows whose z is made together
    in1: int  # block of z
    in2: int
    line: int  # of z, in elements
    several: bool  # blocks of z
    piece: int  # elements of workspace


class Code(NamedTuple):
    """Where the micro-kernels of the forward pass are."""

    outer: int
    gather: int
    clear: int
    wide: int
    narrow: int
    add_wide: int
    add_narrow: int


@lru_cache(maxsize=256)
def cut_of(rows: int, outputs: int, in1: int, in2: int, compiled: Compiler, flop: int) -> Cut:
    """Cut the product of ``rows`` rows with one weight."""
    lanes, tall = compiled.lanes, compiled.sums // 4  # the other half of the sums: what chains add up to
    some2 = even(in2, BLOCK)
    some1 = even(in1, max(1, BLOCK // in2))
    line = up(some1 * some2, lanes)
    some = min(outputs, max(1, WEIGHT_BYTES // (line * compiled.itemsize * 2 * lanes)) * 2 * lanes)
    block = max(1, Z_BYTES // (line * compiled.itemsize * tall)) * tall
    group = min(rows, up(max(1, flop // (2 * some * in1 * in2)), block))
    block = up(min(rows, block), tall)
    piece = block * line + lanes + line * up(some, 2 * lanes) + block * up(some, lanes)
    piece += 2 * lanes + SPARE_BYTES // compiled.itemsize
    return Cut(group, some, lanes, tall, block, some1, some2, line, some1 * some2 < in1 * in2, piece)


@lru_cache(maxsize=256)
def tables(cut: Cut, compiled: Compiler) -> tuple[Any, Any]:
    """The cut, and what it needs, compiled."""
    code = Code(
        compiled(moves.outer, -(-cut.in2 // cut.lanes), cut.line),
        compiled(moves.gather, 2),
        compiled(moves.clear, 1),
        *(
            compiled(tiles.lines, cut.tall, vectors, cut.line, add)
            for add in (False, cut.several)
            for vectors in (2, 1)
        ),
    )
    return table(cut), table(code)


@loops
def outer_forward(cuts, codes, parts, order, numbers, x1, x2, weight, bias, out, piece, start, stop):
    """Y of all parts from ``start`` on."""
    cut, code = cuts[0], codes[0]
    size, in1, in2 = x1.itemsize, weight.shape[2], weight.shape[3]
    z = aligned(piece)
    packed = z + (cut.block * cut.line + cut.lanes) * size
    call(code.clear, cut.block * cut.line // cut.lanes, z)  # subnormal numbers in rows that are not there are slow
    for part in range(start, stop):
        w, k, outputs = parts[part, 0], parts[part, 4], parts[part, 5]
        for i in range(0, in1, cut.in1):
            for j in range(0, in2, cut.in2):
                some1, some2 = min(cut.in1, in1 - i), min(cut.in2, in2 - j)
                _pack(cut, code, weight[w], k, outputs, i * in2 + j, some1 * some2, where(numbers), packed)
                add = i + j > 0
                begin = where(bias[w, k:]) if bias.size and not add else z
                starts = outputs if bias.size and not add else 0
                _blocks(
                    cut, code, parts[part], order, numbers, x1[:, i:], x2[:, j:], some1, some2, z, packed,
                    begin, starts, out, add, piece,
                )  # fmt: skip


@loops
def _pack(cut, code, weight, k, outputs, first, count, numbers, packed):
    """Panels of W[k,ij] with k side by side, of ``count`` numbers ij from ``first`` on."""
    size, step = weight.itemsize, weight.strides[0]
    source = where(weight) + k * step + first * size
    width = 2 * cut.lanes
    for c in range(0, outputs, width):
        call(code.gather, source + c * step, numbers, step, outputs - c, count, packed + c * cut.line * size)


@loops
def _blocks(
    cut, code, task, order, numbers, x1, x2, some1, some2, z, packed, begin, starts, out, add, piece
):  # fmt: skip
    """The part of one block of ij in all rows of a task, block of rows by block of rows."""
    size, place, first, rows, k, outputs = x1.itemsize, task[1], task[2], task[3], task[4], task[5]
    x1_step, x2_step, width = x1.strides[0], x2.strides[0], 2 * cut.lanes
    straight = out.strides[1] == size
    y = packed + -(-outputs // width) * width * cut.line * size
    y_line = -(-outputs // cut.lanes) * cut.lanes
    for b in range(0, rows, cut.block):
        count, here = min(cut.block, rows - b), where(order) + 8 * (place + b)
        call(
            code.outer, where(x1) + first * x1_step, x1_step, where(x2) + first * x2_step, x2_step, here,
            count, some1, some2, z,
        )  # fmt: skip
        c, c_step, c_order = where(out) + first * out.strides[0] + k * size, out.strides[0], here
        if not straight:
            c, c_step, c_order = y, y_line * size, where(numbers)
        for v in range(0, outputs, width):
            columns, panel = outputs - v, packed + v * cut.line * size
            lines = code.wide if columns > cut.lanes else code.narrow
            if add and straight:
                lines = code.add_wide if columns > cut.lanes else code.add_narrow
            for r in range(0, count, cut.tall):
                turned = c_order + 8 * r if straight else c_order
                target = c if straight else c + r * c_step
                call(
                    lines, z + r * cut.line * size, panel, width * size, some1 * some2, begin + v * size, starts - v,
                    target + v * size, turned, c_step, count - r, columns,
                )  # fmt: skip
        if not straight:
            _put(piece, (y - where(piece)) // size, y_line, order, place + b, first, count, out, k, outputs, add)


@loops
def _put(piece, start, line, order, place, first, rows, out, k, outputs, add):
    """Write lines of the workspace to columns of ``out`` that lie apart."""
    for r in range(rows):
        b = first + order[place + r]
        for c in range(outputs):
            value = piece[start + r * line + c]
            out[b, k + c] = out[b, k + c] + value if add else value
