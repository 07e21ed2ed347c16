"""The gradients of a weight and its bias by the outer product: dW[k,ij] = sum_b g[b,k] z[b,ij]; lanes are ij.

Lanes that are j alone are half empty where in2 is 8: measured 1.7 times slower there. The bias is summed on the way.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..compiling import loops
from . import moves, tiles
from .machine import Compiler, aligned, call, table, where
from .panels import SPARE_BYTES, even, up

Array = Any

BLOCK = 256  # numbers of z in a row
ROWS = 128  # whose z is made together; sums of so many are added up


class Cut(NamedTuple):
    """How dW is cut."""

    outputs: int  # of a task
    lanes: int
    vectors: int  # of a tile; some tiles have one less
    tall: int  # numbers of g in a tile
    rows: int  # block of the sum over rows
    in1: int  # block of z
    in2: int
    line: int  # of z, in elements
    g_line: int
    piece: int  # elements of workspace


class Code(NamedTuple):
    """Where the micro-kernels of dW are."""

    outer: int
    collect: int
    clear: int
    wide: int
    narrow: int
    total: int


@lru_cache(maxsize=256)
def cut_of(rows: int, outputs: int, in1: int, in2: int, compiled: Compiler, flop: int) -> Cut:
    """Cut dW of one weight into tasks of about ``flop``."""
    lanes = compiled.lanes
    some2 = even(in2, BLOCK)
    some1 = even(in1, max(1, BLOCK // in2))
    line = up(some1 * some2, lanes)
    vectors, block = min(line // lanes, 2), min(rows, ROWS)  # four measured up to 10 % slower: z fills the first cache
    some = min(outputs, up(max(1, flop // (2 * rows * in1 * in2)), 4 * lanes))
    tall = even(some, compiled.sums // vectors)
    g_line = up(some + tall, 2 * lanes) + lanes  # an odd number of cache lines: all sets of the cache are used
    piece = block * (line + g_line) + 8 * lanes + SPARE_BYTES // compiled.itemsize
    return Cut(some, lanes, vectors, tall, block, some1, some2, line, g_line, piece)


@lru_cache(maxsize=256)
def tables(cut: Cut, compiled: Compiler) -> tuple[Any, Any]:
    """The cut, and what it needs, compiled."""
    code = Code(
        compiled(moves.outer, -(-cut.in2 // cut.lanes), cut.line),
        compiled(moves.collect),
        compiled(moves.clear, 1),
        compiled(tiles.part, cut.tall, cut.vectors),
        compiled(tiles.part, cut.tall, max(1, cut.vectors - 1)),
        compiled(tiles.total, 4),
    )
    return table(cut), table(code)


@loops
def outer_weight(
    cuts, codes, parts, order, grad_output, x1, x2, dweight, dbias, selected, accumulate, piece, start, stop
):
    """DW and the gradient of the bias, of all parts from ``start`` on."""
    cut, code = cuts[0], codes[0]
    size, in1, in2 = x1.itemsize, x1.shape[1], x2.shape[1]
    g = aligned(piece)
    z = g + (cut.rows * cut.g_line + 4 * cut.lanes) * size
    call(
        code.clear, (cut.piece - SPARE_BYTES // size) // cut.lanes, g
    )  # subnormal numbers past the ends of lines are slow
    for part in range(start, stop):
        w, place, rows, k, outputs = parts[part, 0], parts[part, 1], parts[part, 3], parts[part, 4], parts[part, 5]
        for i in range(0, in1, cut.in1):
            for j in range(0, in2, cut.in2):
                some1, some2 = min(cut.in1, in1 - i), min(cut.in2, in2 - j)
                for b in range(0, rows, cut.rows):
                    count, first, at = min(cut.rows, rows - b), b, 0
                    if selected:
                        first, at = 0, place + b
                    _take(cut, code, grad_output, first, order, at, count, k, outputs, piece, g)
                    numbers = where(order) + 8 * at
                    call(
                        code.outer, where(x1[first:, i:]), x1.strides[0], where(x2[first:, j:]), x2.strides[0], numbers,
                        count, some1, some2, z,
                    )  # fmt: skip
                    add = np.int64(accumulate or b > 0)
                    if dbias.size and i + j == 0:
                        _total(cut, code, g, count, where(dbias[w, k:]), outputs, add, size)
                    c = where(dweight[w, k:]) + (i * in2 + j) * size
                    _parts(cut, code, g, z, count, c, outputs, some1 * some2, in1 * in2 * size, add, size)


@loops
def _take(cut, code, grad_output, first, order, at, rows, k, outputs, piece, target):
    """Lines of g[b,k], for ``outputs`` numbers k from ``k`` on."""
    step, size = grad_output.strides[0], grad_output.itemsize
    if grad_output.strides[1] == size:
        source = where(grad_output) + first * step + k * size
        call(code.collect, source, where(order) + 8 * at, step, rows, outputs, target, cut.g_line * size)
        return
    start = (target - where(piece)) // size
    for r in range(rows):
        b = first + order[at + r]
        for c in range(outputs):
            piece[start + r * cut.g_line + c] = grad_output[b, k + c]


@loops
def _total(cut, code, g, rows, target, outputs, add, size):
    """The gradient of the bias: the sums of the columns of g."""
    width = 4 * cut.lanes
    for k in range(0, outputs, width):
        call(code.total, g + k * size, cut.g_line * size, rows, target + k * size, outputs - k, add)


@loops
def _parts(cut, code, g, z, rows, c, outputs, columns, c_step, add, size):
    """The part of a block of rows in dW, tile by tile; a panel of z stays in the first cache."""
    q, width = 0, cut.vectors * cut.lanes
    while q < columns:
        narrow = columns - q <= width - cut.lanes
        part = code.narrow if narrow else code.wide
        for k in range(0, outputs, cut.tall):
            call(
                part, g + k * size, cut.g_line * size, z + q * size, cut.line * size, rows,
                c + k * c_step + q * size, c_step, outputs - k, columns - q, add,
            )  # fmt: skip
        q += width
