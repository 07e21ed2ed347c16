"""Matrix products C[r,v] (+)= sum_p A[p,r] B[p,v] of any strides: blocks that fit the caches, tile by tile.

Rows of A are read where they lie: with a copy, 1000 x 64 of 8000 terms from memory took 1.35 times as long. Columns of
A are copied, line by line. B becomes panels, lanes are columns of C. C is written where it lies, tile beside tile: tile
under tile, from page to page, a C in memory took twice as long. If columns of C lie apart, a panel is put there.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .. import parallel
from ..compiling import loops
from . import moves, row_tiles
from .machine import Compiler, aligned, call
from .panels import SPARE_BYTES, even, task_flop, up

Array = Any

BLOCK = 256  # of the sum: a panel of B stays in the first cache
ODD = 16  # numbers between two copied lines of A; without, a power of two would put all of them into one set of it
COLUMNS_BYTES = 1 << 19  # panels of B


class Product(NamedTuple):
    """One product, ``times`` over. Addresses of arrays, and steps in bytes; no address is 0.

    Line l of A lies at ``a + order[l] * step``; its numbers side by side, or at ``a_places[.]`` from there. Lines run
    along the sum, or ``across`` it.
    """

    rows: int
    columns: int
    terms: int  # of the sum
    a: int
    a_step: int
    b: int
    b_step: int  # along the sum
    b_unit: int  # along the columns
    c: int
    c_step: int
    a_order: int = 0
    a_places: int = 0
    across: int = 0
    b_order: int = 0  # along the sum, of a B whose columns lie side by side
    c_order: int = 0
    c_places: int = 0  # from the start of a row of C, whose columns lie apart; rows then lie evenly
    line: int = 0  # what rows of C begin with; without, zeros
    add: int = 0  # to what is in C
    times: int = 1
    a_more: int = 0  # from one time to the next
    b_more: int = 0
    c_more: int = 0
    line_more: int = 0


class Code(NamedTuple):
    """Where the micro-kernels are, and what they are cut for."""

    tiles: Array  # across or not, vectors, rows
    copy: int
    copy_apart: int
    pick: int
    gather: int
    take: int
    scatter: int
    put: int
    clear: int
    counting: int  # the numbers from 0 on
    size: int
    lanes: int
    width: int  # of a panel
    tall: int  # rows of a tile
    block: int  # terms of a sum
    rows: int  # of a block of A, where it is copied or C is put
    side: int  # room for either
    wide: int  # numbers between two copied lines of A
    columns: int  # of a block of B
    panels: int  # elements of a block of B


_NUMBERS = np.arange(2 * BLOCK)
_RECORD = np.dtype([(name, np.int64) for name in Product._fields])


@lru_cache(maxsize=64)  # of all compilers: tiles that are compiled are not compiled again
def code_of(compiled: Compiler) -> Code:
    """Compile what every product needs; tiles follow as their sizes turn up."""
    lanes, tall, size = compiled.lanes, compiled.sums // 2, compiled.itemsize
    rows, deep = max(1, BLOCK // tall) * tall, up(BLOCK, lanes)
    side, columns = up(max(BLOCK, rows), lanes), max(1, COLUMNS_BYTES // (2 * lanes * deep * size)) * 2 * lanes
    return Code(
        np.zeros((2, 2, tall + 1), np.int64), compiled(moves.copy), compiled(moves.copy_apart),
        compiled(moves.pick, 2 * lanes), compiled(moves.gather, 2), compiled(moves.take, 2), compiled(moves.scatter, 2),
        compiled(moves.put, 2), compiled(moves.clear, 2), _NUMBERS.ctypes.data,
        size, lanes, 2 * lanes, tall, BLOCK, rows, side, side + ODD, columns, deep * columns,
    )  # fmt: skip


def piece_of(compiled: Compiler) -> int:
    """Elements of workspace of a thread: a block of A, one of B, a panel of C and a line of zeros."""
    code = code_of(compiled)
    return code.side * (code.wide + code.width) + code.panels + code.width + SPARE_BYTES // code.size


def run(compiled: Compiler, products: list[Product], workspace: Array) -> None:
    """Compute products, each of which writes what no other does, on several threads where that pays."""
    code = code_of(compiled)
    flop = task_flop(sum(2 * q.times * q.rows * q.columns * q.terms for q in products))
    table = np.array([part for product in products for part in _parts(product, code, flop)], _RECORD)
    for rows, across in set(table[["rows", "across"]].tolist()):
        _compile_tiles(compiled, rows, across)
    parallel.run(_multiply, (code, table), len(table), 1, workspace, piece_of(compiled))


def _parts(q: Product, code: Code, flop: int) -> Iterator[Product]:
    """A product in parts of about ``flop``: of its times, unless these add up, or else of its longer side."""
    once = 2 * q.rows * q.columns * q.terms
    if q.times * once <= flop:
        yield q
    elif q.times > 1 and q.c_more:
        step = max(1, flop // once)
        for time in range(0, q.times, step):
            some = _times_from(q, time, min(step, q.times - time))
            yield from [some] if step > 1 else _parts(some, code, flop)
    elif q.rows > q.columns:
        step = max(1, flop // (2 * q.columns * q.terms * q.times) // code.rows) * code.rows
        yield from (_rows_from(q, r, min(step, q.rows - r), code.size) for r in range(0, q.rows, step))
    else:
        step = max(1, flop // (2 * q.rows * q.terms * q.times) // code.width) * code.width
        yield from (_columns_from(q, v, min(step, q.columns - v), code.size) for v in range(0, q.columns, step))


def _times_from(q: Product, time: int, times: int) -> Product:
    """``times`` times from number ``time`` on."""
    a, b, c = q.a + time * q.a_more, q.b + time * q.b_more, q.c + time * q.c_more
    return q._replace(times=times, a=a, b=b, c=c, line=q.line and q.line + time * q.line_more)


def _rows_from(q: Product, r: int, rows: int, size: int) -> Product:
    """``rows`` rows of C from row r on."""
    a, a_order, a_places = q.a, q.a_order, q.a_places
    if q.across:
        a, a_places = (a, a_places + 8 * r) if a_places else (a + r * size, 0)
    else:
        a, a_order = (a, a_order + 8 * r) if a_order else (a + r * q.a_step, 0)
    c, c_order = (q.c, q.c_order + 8 * r) if q.c_order else (q.c + r * q.c_step, 0)
    return q._replace(rows=rows, a=a, a_order=a_order, a_places=a_places, c=c, c_order=c_order)


def _columns_from(q: Product, v: int, columns: int, size: int) -> Product:
    """``columns`` columns of C from column v on."""
    c, c_places = (q.c, q.c_places + 8 * v) if q.c_places else (q.c + v * size, 0)
    return q._replace(columns=columns, b=q.b + v * q.b_unit, c=c, c_places=c_places, line=q.line and q.line + v * size)


@lru_cache(maxsize=4096)
def _compile_tiles(compiled: Compiler, rows: int, across: int) -> None:
    """Have the tiles that a product of so many rows is made of."""
    code = code_of(compiled)
    few = even(rows, code.tall)
    blocks = {min(rows, code.rows), rows % code.rows, few, rows % few} - {0}
    for tall in {even(some, code.tall) - less for some in blocks for less in (0, 1)} - {0}:
        for vectors in (1, 2):
            if not code.tiles[across, vectors - 1, tall]:
                code.tiles[across, vectors - 1, tall] = compiled(row_tiles.cross, tall, vectors, across)


@loops
def _multiply(code, table, piece, start, stop):
    lines = aligned(piece)
    for part in range(start, stop):
        q = table[part]
        for time in range(q.times):
            a, b, c = q.a + time * q.a_more, q.b + time * q.b_more, q.c + time * q.c_more
            _product(code, q, a, b, c, q.line + time * q.line_more, lines)


@loops
def _product(code, q, a, b, c, line, lines):
    """One product, block of B by block of B; past each, all rows of A, few enough at a time for the first cache."""
    panels = lines + code.side * code.wide * code.size
    corner = panels + code.panels * code.size
    zeros = corner + code.side * code.width * code.size
    call(code.clear, 1, zeros)
    block, few = -(-q.terms // -(-q.terms // code.block)), -(-q.rows // -(-q.rows // code.tall))
    if q.across or q.c_places:  # whole lines of A, whole lines of C
        few = code.rows
    for v in range(0, q.columns, code.columns):
        columns = min(code.columns, q.columns - v)
        block_bytes = _squares(code, block) * -(-columns // code.width) * code.width * code.size
        deep = code.panels * code.size // block_bytes * block
        for begin in range(0, q.terms, deep):
            end, here = min(q.terms, begin + deep), panels
            for p in range(begin, end, block):
                _panels(code, q, b, v, columns, p, min(block, end - p), here)
                here += block_bytes
            for r in range(0, q.rows, few):
                rows, here = min(few, q.rows - r), panels
                start = line + v * code.size if q.line else zeros
                for p in range(begin, end, block):
                    count = min(block, end - p)
                    left = _lines(code, q, a, r, rows, p, count, lines)
                    _sums(code, q, left, here, count, c, r, rows, v, columns, start, p > 0 or q.add, corner)
                    here += block_bytes


@loops
def _squares(code, count):
    """Lines that are written of a panel of ``count``: whole squares."""
    return -(-count // code.lanes) * code.lanes


@loops
def _panels(code, q, b, v, columns, p, count, panels):
    """B of some columns and terms as panels."""
    for first in range(0, columns, code.width):
        here, left = b + (v + first) * q.b_unit, columns - first
        if q.b_unit == code.size:
            order = q.b_order + 8 * p if q.b_order else code.counting
            here += 0 if q.b_order else p * q.b_step
            call(code.pick, here, order, q.b_step, count, left, panels)
        elif q.b_step == code.size:
            call(code.gather, here + p * q.b_step, code.counting, q.b_unit, left, count, panels)
        else:
            call(code.take, here + p * q.b_step, code.counting, q.b_unit, q.b_step, left, count, panels)
        panels += _squares(code, count) * code.width * code.size


@loops
def _lines(code, q, a, r, rows, p, count, target):
    """A of some rows and terms, and the step between its lines: where it lies, or a copy."""
    first, lines, begin, numbers = (p, count, r, rows) if q.across else (r, rows, p, count)
    order = q.a_order + 8 * first if q.a_order else code.counting
    here, step = a + (0 if q.a_order else first * q.a_step), code.wide * code.size
    if q.a_places:
        call(code.copy_apart, here, order, q.a_step, lines, q.a_places + 8 * begin, numbers, target, step)
    elif q.across or q.a_order or q.a_step % 4096 == 0:  # lines of one set of the first cache drive each other out
        call(code.copy, here + begin * code.size, order, q.a_step, lines, numbers, target, step)
    else:
        return here + begin * code.size, q.a_step
    return target, step


@loops
def _sums(code, q, a_lines, panels, count, c, r, rows, v, columns, start, add, corner):
    """C of some rows and columns, whichever way these lie."""
    order = q.c_order + 8 * r if q.c_order else code.counting
    c += 0 if q.c_order else r * q.c_step
    if not q.c_places:
        c += v * code.size
        start, start_step = (c, q.c_step) if add else (start, 0)
        _tiles(code, q, a_lines, panels, count, start, start_step, c, q.c_step, order, rows, columns)
        return
    line = code.width * code.size
    for first in range(0, columns, code.width):
        places, left = q.c_places + 8 * (v + first), min(code.width, columns - first)
        begin, begin_step = (corner, line) if add else (start + (first * code.size if q.line else 0), 0)
        if add and q.c_step == code.size:
            call(code.gather, c, places, 1, left, rows, corner)
        elif add:
            call(code.take, c, places, 1, q.c_step, left, rows, corner)
        _tiles(code, q, a_lines, panels, count, begin, begin_step, corner, line, code.counting, rows, left)
        if q.c_step == code.size:
            call(code.scatter, c, places, 1, left, rows, corner)
        else:
            call(code.put, c, places, 1, q.c_step, left, rows, corner)
        panels += _squares(code, count) * line


@loops
def _tiles(code, q, a_lines, panels, count, start, start_step, c, c_step, order, rows, columns):
    """C of some rows and columns, rows of tiles: so what is written has its neighbour written before."""
    many = -(-rows // code.tall)
    tall = -(-rows // many)
    low = tall * many - rows
    lines, a_step = a_lines
    tile_step = code.size if q.across else a_step
    b_step = code.width * code.size
    panel_bytes = _squares(code, count) * b_step
    along = code.size if start_step or q.line else 0
    for t in range(many):
        some = tall if t < many - low else tall - 1
        panel = panels
        for v in range(0, columns, code.width):
            tile, here = code.tiles[q.across, 0 if columns - v <= code.lanes else 1, some], start + v * along
            ahead = 0 if q.across else lines + some * a_step - panel  # rows that follow at once
            call(
                tile, lines, a_step, panel, b_step, count, here, start_step, c + v * code.size, order, c_step,
                columns - v, ahead,
            )  # fmt: skip
            panel += panel_bytes
        lines += some * tile_step
        order += 8 * some
