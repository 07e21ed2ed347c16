"""Forward: t[j] = sum_i W[i,j] x1[i] in registers, and y += sum_j t x2 from there; lanes are rows."""

from functools import lru_cache
from typing import Any, NamedTuple

from ..compiling import loops
from . import moves, tiles
from .machine import call, compiler
from .panels import (
    SPARE_BYTES,
    WEIGHT_BYTES,
    aligned,
    even,
    gather_rows,
    panel_bytes,
    panel_vectors,
    scatter_rows,
    up,
    where,
)

FOLD = 8  # tiles whose parts of y are added apart: 1024x768x768 then rounds as little as BLAS does
BLOCK = 256  # of the sum over i: with a panel of x1 in the first cache


class Cut(NamedTuple):
    """How the forward pass is cut."""

    rows: int  # of a task
    outputs: int  # of a task
    lanes: int
    width: int  # rows of a panel
    tall: int  # numbers of the weight in a tile; some tiles have one less
    in1: int  # block of the sum over i
    packed: int  # outputs whose weights are packed together; 0 where they are read where they lie
    piece: int  # elements of workspace


class Code(NamedTuple):
    """Where the micro-kernels of the forward pass are."""

    gather: int
    take: int
    scatter: int
    put: int
    fill: int
    clear: int
    fold: int
    pack_tiles: int
    project_tall: int
    project_low: int


@lru_cache(maxsize=256)
def cut_of(rows: int, outputs: int, in1: int, in2: int, dtype: Any, flop: int) -> Cut:
    """Cut the product of ``rows`` rows with one weight."""
    compiled, size = compiler(dtype), dtype.itemsize
    vectors = panel_vectors(rows, outputs * in1 * in2 * size, compiled)
    width, tall, lanes = vectors * compiled.lanes, even(in2, compiled.sums // vectors), compiled.lanes
    group = up(min(rows, max(width, panel_bytes(in1 * in2 * size) // (size * (in1 + in2)))), width)
    some = max(1, min(outputs, flop // (2 * group * in1 * in2)))
    block = even(in1, BLOCK)
    packed = max(1, min(some, WEIGHT_BYTES // (block * in2 * size))) if group > width and in2 * size > 1024 else 0
    lines = group // width * (up(in1, lanes) + up(in2, lanes) + up(some, lanes)) + 1
    piece = lines * width + packed * block * in2 + SPARE_BYTES // size
    return Cut(group, some, lanes, width, tall, block, packed, piece)


@lru_cache(maxsize=256)
def code_of(tall: int, vectors: int, dtype: Any) -> Code:
    """Compile what a cut needs."""
    compiled = compiler(dtype)
    return Code(
        *(compiled(getattr(moves, name), vectors) for name in Code._fields[:7]),
        compiled(moves.pack_tiles, tall),
        *(compiled(tiles.project, rows, vectors) for rows in (tall, max(1, tall - 1))),
    )  # fmt: skip


@loops
def project(cut, code, parts, order, x1, x2, weight, bias, out, piece, start, stop):
    """Y of all parts from ``start`` on."""
    size, in1, in2 = x1.itemsize, weight.shape[2], weight.shape[3]
    line, lanes = cut.width * size, cut.lanes
    x1_bytes, x2_bytes = -(-in1 // lanes) * lanes * line, -(-in2 // lanes) * lanes * line
    for part in range(start, stop):
        w, place, first = parts[part, 0], parts[part, 1], parts[part, 2]
        rows, k, outputs = parts[part, 3], parts[part, 4], parts[part, 5]
        panels, y_bytes = -(-rows // cut.width), -(-outputs // lanes) * lanes * line
        x1_panels = aligned(piece)
        x2_panels = x1_panels + panels * x1_bytes
        y_panels = x2_panels + panels * x2_bytes
        sums = y_panels + panels * y_bytes
        b = where(order) + 8 * place
        gather_rows(code, x1, first, b, rows, cut.width, x1_panels, x1_bytes)
        gather_rows(code, x2, first, b, rows, cut.width, x2_panels, x2_bytes)
        for p in range(panels):
            if bias.size:
                call(code.fill, where(bias[w, k:]), outputs, y_panels + p * y_bytes)
            else:
                call(code.clear, outputs, y_panels + p * y_bytes)
        _project(cut, code, weight[w], k, outputs, panels, x1_panels, x2_panels, y_panels, sums, size)
        scatter_rows(code, out, first, k, outputs, b, rows, cut.width, y_panels, y_bytes)


@loops
def _project(cut, code, weight, k_start, outputs, panels, x1_panels, x2_panels, y_panels, sums, size):
    """Y of all panels, block of weights by block of weights."""
    in1, in2 = weight.shape[1], weight.shape[2]
    line, lanes = cut.width * size, cut.lanes
    x1_bytes, x2_bytes = -(-in1 // lanes) * lanes * line, -(-in2 // lanes) * lanes * line
    y_bytes, packed = -(-outputs // lanes) * lanes * line, sums + line
    lows = -in2 % cut.tall if cut.tall > 1 else 0
    talls, together = -(-in2 // cut.tall) - lows, cut.packed if cut.packed else outputs
    call(code.clear, 1, sums)
    for k_first in range(0, outputs, together):
        ks = min(together, outputs - k_first)
        for i in range(0, in1, cut.in1):
            count = min(cut.in1, in1 - i)
            if cut.packed:
                for k in range(ks):
                    w = where(weight[k_start + k_first + k, i:])
                    call(code.pack_tiles, w, in2 * size, count, talls, lows, packed + k * count * in2 * size)
            for p in range(panels):
                x1, x2 = x1_panels + p * x1_bytes + i * line, x2_panels + p * x2_bytes
                for k in range(ks):
                    w = packed + k * count * in2 * size if cut.packed else where(weight[k_start + k_first + k, i:])
                    y = y_panels + p * y_bytes + (k_first + k) * line
                    _project_line(cut, code, w, in2, x1, count, x2, line, sums, y, size)


@loops
def _project_line(cut, code, w, in2, x1, count, x2, line, sums, y, size):
    """y += x1 W x2 of one output and one block of i, tile by tile."""
    many = -(-in2 // cut.tall)
    low = cut.tall * many - in2
    for t in range(many):
        rows = cut.tall if t < many - low else cut.tall - 1
        step = rows * size if cut.packed else in2 * size
        ahead = 0 if cut.packed else rows * size + (60 if t + 1 < many else (count - 1) * in2 * size)
        call(code.project_tall if rows == cut.tall else code.project_low, w, step, x1, count, x2, sums, ahead)
        w += rows * count * size if cut.packed else rows * size
        x2 += rows * line
        if (t + 1) % FOLD == 0 or t + 1 == many:
            call(code.fold, 1, sums, y)
