"""Products of mapped rows, or of rows, mixed into outputs: y = C ((A' x1) * (B' x2)), lanes are rows.

A panel of products stays in the caches until C has seen it.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .. import parallel
from ..compiling import loops
from ..simd import lines, moves, row_tiles
from ..simd.machine import Compiler, aligned, call, compiler, where
from ..simd.panels import SPARE_BYTES, even, up
from ..simd.tasks import SPEED, counting
from . import tiles

Array = Any
GROUP_BYTES = 1 << 18  # panels of rows; with 2 MB 4096x128x128x8 without maps took 1.6 times as long


class Cut(NamedTuple):
    """How the product is cut."""

    rows: int  # of a group
    lanes: int
    width: int  # rows of a panel
    tall: int  # outputs of a tile; some tiles have one less
    wide: int  # numbers of the rank in a tile of the maps; some have one less
    piece: int  # elements of workspace


class Code(NamedTuple):
    """Where the micro-kernels are."""

    gather: int
    gather_products: int
    pack: int
    pair: int
    pair_low: int
    mix: int
    mix_low: int
    clear: int
    scatter: int


def forward(x1: Array, x2: Array, a: Array | None, b: Array | None, c: Array, out: Array) -> None:
    """out[b,k] = sum_r c[k,r] (sum_i x1[b,i] a[i,r]) (sum_j x2[b,j] b[j,r]); without maps r, i and j are one.

    A chunk owns rows of out.
    """
    (rows, in1), in2, (outputs, rank) = x1.shape, x2.shape[1], c.shape
    mapped, compiled = a is not None, compiler(x1.dtype)
    cut = cut_of(rows, outputs, in1 if mapped else 0, in2 if mapped else 0, rank, compiled)
    code = code_of(cut.tall, cut.wide, mapped, cut.width // cut.lanes, compiled)
    groups = -(-rows // cut.rows)
    chunk = parallel.chunk_size(groups, 2 * cut.rows * rank * (outputs + (in1 + in2 if mapped else 1)), SPEED)
    workspace = np.empty(min(parallel.participants(), -(-groups // chunk)) * cut.piece, x1.dtype)
    args = (cut, code, counting(max(cut.rows, cut.tall)), x1, x2, c if a is None else a, c if b is None else b, c, out)
    parallel.run(_forward, args, groups, chunk, workspace, cut.piece)


@lru_cache(maxsize=256)
def cut_of(rows: int, outputs: int, in1: int, in2: int, rank: int, compiled: Compiler) -> Cut:
    """Cut the product of ``rows`` rows, of which in1 and in2 numbers go through maps."""
    size = compiled.itemsize
    lanes, vectors = compiled.lanes, min(2, -(-rows // compiled.lanes))
    width, most = vectors * lanes, compiled.sums // vectors
    per_row = up(in1, lanes) + up(in2, lanes) + up(rank, lanes) + up(outputs, lanes)
    group = min(up(rows, width), max(width, GROUP_BYTES // (size * per_row) // width * width))
    piece = group * per_row + width + (in1 + in2) * rank + SPARE_BYTES // size
    return Cut(group, lanes, width, even(outputs, most), even(rank, most), piece)


@lru_cache(maxsize=64)
def code_of(tall: int, wide: int, mapped: bool, vectors: int, compiled: Compiler) -> Code:
    """Compile what a cut needs."""
    low, narrow = max(1, tall - 1), max(1, wide - 1)
    return Code(
        compiled(lines.gather, vectors) if mapped else 0,
        0 if mapped else compiled(tiles.gather_products, vectors),
        compiled(moves.pack_tiles, wide, narrow) if mapped else 0,
        compiled(tiles.pair, 0, wide, wide, vectors) if mapped else 0,
        compiled(tiles.pair, 0, narrow, narrow, vectors) if mapped else 0,
        compiled(row_tiles.cross, tall, vectors, False), compiled(row_tiles.cross, low, vectors, False),
        compiled(moves.clear, vectors), compiled(lines.scatter, vectors),
    )  # fmt: skip


@loops
def _forward(cut, code, order, x1, x2, a, b, c, out, piece, start, stop):
    size, in1, in2, outputs, rank = x1.itemsize, x1.shape[1], x2.shape[1], c.shape[0], c.shape[1]
    line, row, numbers = cut.width * size, rank * size, where(order)
    x1_bytes, x2_bytes = -(-in1 // cut.lanes) * cut.lanes * line, -(-in2 // cut.lanes) * cut.lanes * line
    y_bytes, z_bytes = -(-outputs // cut.lanes) * cut.lanes * line, -(-rank // cut.lanes) * cut.lanes * line
    lows = -outputs % cut.tall
    talls = -(-outputs // cut.tall) - lows
    narrows = -rank % cut.wide
    wides = -(-rank // cut.wide) - narrows
    zero = aligned(piece)
    a_tiles = zero + line
    b_tiles = a_tiles + (in1 * row if code.pair else 0)
    z = b_tiles + (in2 * row if code.pair else 0)
    call(code.clear, 1, zero)
    if code.pair:  # rows of a map lie far apart, in few sets of the cache
        call(code.pack, where(a), row, in1, wides, narrows, a_tiles)
        call(code.pack, where(b), row, in2, wides, narrows, b_tiles)
    for group in range(start, stop):
        first = group * cut.rows
        rows = min(cut.rows, x1.shape[0] - first)
        panels = -(-rows // cut.width)
        y_panels = z + panels * z_bytes
        x1_panels = y_panels + panels * y_bytes
        x2_panels = x1_panels + panels * x1_bytes
        x1_first, x2_first = where(x1) + first * in1 * size, where(x2) + first * in2 * size
        if code.pair:
            call(code.gather, x1_first, numbers, in1 * size, size, rows, in1, x1_panels, x1_bytes)
            call(code.gather, x2_first, numbers, in2 * size, size, rows, in2, x2_panels, x2_bytes)
            r = 0
            for tile in range(wides + narrows):
                pair, wide = (code.pair, cut.wide) if tile < wides else (code.pair_low, cut.wide - 1)
                for p in range(panels):
                    call(
                        pair, a_tiles + r * in1 * size, 0, wide * size, x1_panels + p * x1_bytes, in1,
                        b_tiles + r * in2 * size, 0, wide * size, x2_panels + p * x2_bytes, in2,
                        z + p * z_bytes + r * line,
                    )  # fmt: skip
                r += wide
        else:
            call(code.gather_products, x1_first, x2_first - x1_first, numbers, in1 * size, rows, in1, z, z_bytes)
        for p in range(panels):
            k, y = 0, y_panels + p * y_bytes
            for tile in range(talls + lows):
                mix, tall = (code.mix, cut.tall) if tile < talls else (code.mix_low, cut.tall - 1)
                call(
                    mix, where(c) + k * row, row, z + p * z_bytes, line, rank, zero, 0, y + k * line, numbers, line,
                    cut.width, 0,
                )  # fmt: skip
                k += tall
        call(
            code.scatter, where(out) + first * outputs * size, numbers, outputs * size, size, rows, outputs,
            y_panels, y_bytes,
        )  # fmt: skip
