"""Gradients of x1 and x2: u[i,j] = sum_k g[k] W[k,i,j] in registers, dx1 += sum_j u x2 and dx2 += u x1 from there.

Lanes are rows.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from ..compiling import loops
from . import moves, tiles
from .machine import call, compiler
from .panels import SPARE_BYTES, WEIGHT_BYTES, aligned, even, gather_rows, panel_bytes, scatter_rows, up, where

BLOCK = 384  # of the sum over k


class Cut(NamedTuple):
    """How the gradients of both inputs are cut."""

    rows: int  # of a task
    lanes: int
    width: int  # rows of a panel
    tall: int  # numbers of the weight in a tile; some tiles have one less
    outputs: int  # block of the sum over k
    packed: int  # numbers i whose weights are packed together; 0 where they are read where they lie
    piece: int  # elements of workspace


class Code(NamedTuple):
    """Where the micro-kernels for the gradients of both inputs are."""

    gather: int
    take: int
    scatter: int
    put: int
    clear: int
    pack_tiles: int
    spread_tall: int
    spread_low: int


@lru_cache(maxsize=256)
def cut_of(rows: int, outputs: int, in1: int, in2: int, dtype: Any, flop: int) -> Cut:
    """Cut the gradients of ``rows`` rows that use one weight."""
    compiled, size = compiler(dtype), dtype.itemsize
    vectors = 1 if rows <= compiled.lanes else 2
    width, tall, lanes = vectors * compiled.lanes, even(in2, compiled.sums // vectors), compiled.lanes
    per_row = 2 * (in1 + in2) + outputs
    group = up(
        min(
            rows, max(width, min(panel_bytes(in1 * in2 * size) // (size * per_row), flop // (4 * outputs * in1 * in2)))
        ),
        width,
    )
    block = even(outputs, BLOCK)
    packed = max(1, min(in1, WEIGHT_BYTES // (block * in2 * size))) if group > width else 0
    lines = group // width * (2 * up(in1, lanes) + 2 * up(in2, lanes) + up(outputs, lanes))
    piece = lines * width + packed * block * in2 + SPARE_BYTES // size
    return Cut(group, lanes, width, tall, block, packed, piece)


@lru_cache(maxsize=256)
def code_of(tall: int, vectors: int, dtype: Any) -> Code:
    """Compile what a cut needs."""
    compiled = compiler(dtype)
    return Code(
        *(compiled(getattr(moves, name), vectors) for name in Code._fields[:5]),
        compiled(moves.pack_tiles, tall),
        *(compiled(tiles.spread, rows, vectors) for rows in (tall, max(1, tall - 1))),
    )  # fmt: skip


@loops
def spread(cut, code, parts, order, grad_output, x1, x2, weight, dx1, dx2, accumulate, piece, start, stop):
    """Dx1 and dx2 of all parts from ``start`` on."""
    size, lanes, line = x1.itemsize, cut.lanes, cut.width * x1.itemsize
    outputs, in1, in2 = weight.shape[1], weight.shape[2], weight.shape[3]
    x1_bytes, x2_bytes = -(-in1 // lanes) * lanes * line, -(-in2 // lanes) * lanes * line
    g_bytes = -(-outputs // lanes) * lanes * line
    for part in range(start, stop):
        w, place, first, rows = parts[part, 0], parts[part, 1], parts[part, 2], parts[part, 3]
        panels, b = -(-rows // cut.width), where(order) + 8 * place
        x1_panels = aligned(piece)
        x2_panels = x1_panels + panels * x1_bytes
        dx1_panels = x2_panels + panels * x2_bytes
        dx2_panels = dx1_panels + panels * x1_bytes
        g_panels = dx2_panels + panels * x2_bytes
        gather_rows(code, x1, first, b, rows, cut.width, x1_panels, x1_bytes)
        gather_rows(code, x2, first, b, rows, cut.width, x2_panels, x2_bytes)
        gather_rows(code, grad_output, first, b, rows, cut.width, g_panels, g_bytes)
        call(code.clear, panels * (x1_bytes + x2_bytes) // line, dx1_panels)
        if accumulate and dx1.size:
            gather_rows(code, dx1, first, b, rows, cut.width, dx1_panels, x1_bytes)
        if accumulate and dx2.size:
            gather_rows(code, dx2, first, b, rows, cut.width, dx2_panels, x2_bytes)
        _spread(cut, code, weight[w], panels, x1_panels, x2_panels, dx1_panels, dx2_panels, g_panels, size)
        if dx1.size:
            scatter_rows(code, dx1, first, 0, in1, b, rows, cut.width, dx1_panels, x1_bytes)
        if dx2.size:
            scatter_rows(code, dx2, first, 0, in2, b, rows, cut.width, dx2_panels, x2_bytes)


@loops
def _spread(cut, code, weight, panels, x1_panels, x2_panels, dx1_panels, dx2_panels, g_panels, size):
    """Both gradients in all panels, block of weights by block of weights."""
    outputs, in1, in2 = weight.shape[0], weight.shape[1], weight.shape[2]
    lanes, line = cut.lanes, cut.width * size
    x1_bytes, x2_bytes = -(-in1 // lanes) * lanes * line, -(-in2 // lanes) * lanes * line
    g_bytes = -(-outputs // lanes) * lanes * line
    packed = g_panels + panels * g_bytes
    lows = -in2 % cut.tall if cut.tall > 1 else 0
    talls, together = -(-in2 // cut.tall) - lows, cut.packed if cut.packed else in1
    for k in range(0, outputs, cut.outputs):
        count = min(cut.outputs, outputs - k)
        for i_first in range(0, in1, together):
            some = min(together, in1 - i_first)
            w = where(weight[k:]) + i_first * in2 * size
            if cut.packed:
                for i in range(some):
                    call(
                        code.pack_tiles,
                        w + i * in2 * size,
                        in1 * in2 * size,
                        count,
                        talls,
                        lows,
                        packed + i * count * in2 * size,
                    )
            for p in range(panels):
                at1, at2 = p * x1_bytes + i_first * line, p * x2_bytes
                _spread_lines(
                    cut, code, packed if cut.packed else w, in1, in2, g_panels + p * g_bytes + k * line, count, some,
                    x1_panels + at1, x2_panels + at2, dx1_panels + at1, dx2_panels + at2, line, size,
                )  # fmt: skip


@loops
def _spread_lines(cut, code, w, in1, in2, g, count, some, x1, x2, dx1, dx2, line, size):
    """The part of ``some`` numbers i in one panel; tile by tile, since a tile's x2 and dx2 stay in the first cache."""
    many = -(-in2 // cut.tall)
    low = cut.tall * many - in2
    j = 0
    for t in range(many):
        rows = cut.tall if t < many - low else cut.tall - 1
        spread = code.spread_tall if rows == cut.tall else code.spread_low
        step = rows * size if cut.packed else in1 * in2 * size
        for i in range(some):
            tile = w + (i * in2 + j) * size if not cut.packed else w + (i * in2 + j) * count * size
            call(spread, tile, step, g, count, x1 + i * line, x2 + j * line, dx1 + i * line, dx2 + j * line)
        j += rows
