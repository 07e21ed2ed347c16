"""Gradients of x1 and x2: u[i,j] = sum_k g[k] W[k,i,j] in registers, dx1 += sum_j u x2 and dx2 += u x1 from there.

Lanes are rows.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from ..compiling import loops
from . import lines, moves
from .machine import Compiler, aligned, call, table, where
from .panels import SPARE_BYTES, WEIGHT_BYTES, even, panel_bytes, panel_vectors, up

BLOCK = 384  # of the sum over k, where weights are packed
NATIVE_BLOCK = 32  # where they are not: lines a power of two apart, which drive each other out of the cache
NATIVE_BYTES = 1 << 16  # of such weights at a time, so that the next are read ahead
# Outputs for which two numbers i share a tile: 1024x768x768x5 took 1.13 times as long with one, 46 outputs 0.98.
FEW = 8


class Cut(NamedTuple):
    """How the gradients of both inputs are cut."""

    rows: int  # of a task
    lanes: int
    width: int  # rows of a panel
    tall: int  # numbers j of a tile; some tiles have one less
    many: int  # numbers i of a tile
    outputs: int  # block of the sum over k
    in1: int  # numbers i that take turns while a block of the weight is in the second-level cache
    packed: bool  # their weights are packed; else they are read where they lie
    piece: int  # elements of workspace


class Code(NamedTuple):
    """Where the micro-kernels for the gradients of both inputs are."""

    gather: int
    gather_g: int
    scatter: int
    clear: int
    pack: int
    spread: int


@lru_cache(maxsize=256)
def cut_of(rows: int, outputs: int, in1: int, in2: int, compiled: Compiler, flop: int) -> Cut:
    """Cut the gradients of ``rows`` rows that use one weight."""
    size = compiled.itemsize
    vectors = panel_vectors(rows, outputs * in1 * in2 * size, compiled)
    many = 2 if outputs <= FEW and vectors <= 2 and in1 > 1 else 1
    width, tall, lanes = vectors * compiled.lanes, even(in2, compiled.sums // (many * vectors)), compiled.lanes
    per_row = 2 * (in1 + in2) + outputs
    most = min(panel_bytes(in1 * in2 * size) // (size * per_row), flop // (4 * outputs * in1 * in2))
    group = up(min(rows, max(width, most, min(4 * width, rows // 2))), width)
    packed = group > width
    block = even(outputs, BLOCK if packed else NATIVE_BLOCK)
    together = max(1, min(in1, (WEIGHT_BYTES if packed else NATIVE_BYTES) // (block * in2 * size)))
    numbers = group // width * (2 * up(in1, lanes) + 2 * up(in2, lanes) + up(outputs, lanes))
    piece = numbers * width + packed * together * block * in2 + SPARE_BYTES // size
    return Cut(group, lanes, width, tall, many, block, together, packed, piece)


@lru_cache(maxsize=256)
def tables(cut: Cut, apart: bool, compiled: Compiler) -> tuple[Any, Any]:
    """The cut, and what it needs, compiled; ``apart``: the columns of g are no neighbours."""
    tall, vectors = cut.tall, cut.width // cut.lanes
    code = Code(
        compiled(lines.gather, vectors),
        compiled(lines.take if apart else lines.gather, vectors),
        compiled(lines.scatter, vectors),
        compiled(moves.clear, vectors),
        compiled(moves.pack_tiles, tall, max(1, tall - 1)) if cut.packed else 0,
        compiled(lines.spread, tall, vectors, cut.many, cut.packed),
    )
    return table(cut), table(code)


@loops
def spread(cuts, codes, parts, order, grad_output, x1, x2, weight, dx1, dx2, accumulate, piece, start, stop):
    """Dx1 and dx2 of all parts from ``start`` on."""
    cut, code = cuts[0], codes[0]
    size, outputs, in1, in2 = x1.itemsize, weight.shape[1], weight.shape[2], weight.shape[3]
    line, row, matrix = cut.width * size, in2 * size, in1 * in2 * size
    x1_bytes, x2_bytes = -(-in1 // cut.lanes) * cut.lanes * line, -(-in2 // cut.lanes) * cut.lanes * line
    g_bytes, g_row, g_column = (
        -(-outputs // cut.lanes) * cut.lanes * line,
        grad_output.strides[0],
        grad_output.strides[1],
    )
    lows = -in2 % cut.tall
    talls = -(-in2 // cut.tall) - lows
    for part in range(start, stop):
        w, place, first, rows = parts[part, 0], parts[part, 1], parts[part, 2], parts[part, 3]
        panels, b = -(-rows // cut.width), where(order) + 8 * place
        x1_panels = aligned(piece)
        x2_panels = x1_panels + panels * x1_bytes
        dx1_panels = x2_panels + panels * x2_bytes
        dx2_panels = dx1_panels + panels * x1_bytes
        g_panels = dx2_panels + panels * x2_bytes
        packed, at1, at2 = g_panels + panels * g_bytes, first * in1 * size, first * in2 * size
        call(code.gather, where(x1) + at1, b, in1 * size, size, rows, in1, x1_panels, x1_bytes)
        call(code.gather, where(x2) + at2, b, row, size, rows, in2, x2_panels, x2_bytes)
        call(code.gather_g, where(grad_output) + first * g_row, b, g_row, g_column, rows, outputs, g_panels, g_bytes)
        call(code.clear, panels * (x1_bytes + x2_bytes) // line, dx1_panels)
        if accumulate and dx1.size:
            call(code.gather, where(dx1) + at1, b, in1 * size, size, rows, in1, dx1_panels, x1_bytes)
        if accumulate and dx2.size:
            call(code.gather, where(dx2) + at2, b, row, size, rows, in2, dx2_panels, x2_bytes)
        for k in range(0, outputs, cut.outputs):
            count = min(cut.outputs, outputs - k)
            for i in range(0, in1, cut.in1):
                some = min(cut.in1, in1 - i)
                block, i_bytes = where(weight) + (w * outputs + k) * matrix + i * row, i * line
                if cut.packed:
                    for q in range(some):
                        call(code.pack, block + q * row, matrix, count, talls, lows, packed + q * count * row)
                    block = packed
                for p in range(panels):
                    p1, p2, g = p * x1_bytes + i_bytes, p * x2_bytes, g_panels + p * g_bytes + k * line
                    call(
                        code.spread, block, matrix, row, count, talls, lows, some // cut.many, some % cut.many, g,
                        x1_panels + p1, x2_panels + p2, dx1_panels + p1, dx2_panels + p2,
                    )  # fmt: skip
        if dx1.size:
            call(code.scatter, where(dx1) + at1, b, in1 * size, size, rows, in1, dx1_panels, x1_bytes)
        if dx2.size:
            call(code.scatter, where(dx2) + at2, b, row, size, rows, in2, dx2_panels, x2_bytes)
