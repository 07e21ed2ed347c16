"""Low rank, lanes are rows: both maps in registers, their product summed over the rank in the first-level cache."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ....axes import Shape
from .. import parallel
from ..compiling import loops
from ..simd import lines
from ..simd.machine import Compiler, aligned, call, compiler, compiler_if_any, where
from ..simd.panels import SPARE_BYTES, up
from ..simd.tasks import SPEED, counting
from . import tiles

Array = Any
# Panels of rows that take turns while a part of the matrices is in the first cache; more where the matrices come from
# memory. With 1 MB 4096x128x128x16 of rank 2 took 1.15 times as long, with half of it 1024x512x512x64 of rank 16 1.02.
GROUP_BYTES, HEAVY_BYTES = 1 << 19, 1 << 20
MOST_OUTPUTS = 8  # that share tiles
LEAST_COLUMNS = 32  # below that the panels cost more than the products
APART_BYTES = 128  # lines of a matrix: wider ones are read by part, and drive each other out of the first cache


def takes(rows: int, shapes: tuple[Shape, ...], dtype: Any) -> bool:
    """Whether two panels of rows are full, and the rank is small."""
    (outputs, _, rank), _ = shapes
    compiled = compiler_if_any(dtype)
    if compiled is None or rank * compiled.itemsize > APART_BYTES:
        return False
    return rows >= 2 * compiled.lanes and outputs * rank >= LEAST_COLUMNS


class Cut(NamedTuple):
    """How the product is cut."""

    rows: int  # of a group
    lanes: int
    width: int  # rows of a panel
    outputs: int  # that share tiles
    piece: int  # elements of workspace


class Code(NamedTuple):
    """Where the micro-kernels are."""

    gather: int
    pairs: Array  # of all tiles, for that many outputs and for the last ones
    fold: int
    scatter: int


def forward(x1: Array, x2: Array, u: Array, v: Array, out: Array) -> None:
    """out[b,k] = sum_r (sum_i x1[b,i] u[k,i,r]) (sum_j x2[b,j] v[k,j,r]). A chunk owns rows of out."""
    compiled, (outputs, in1, rank) = compiler(x1.dtype), u.shape
    cut = cut_of(len(x1), outputs, in1, v.shape[1], rank, compiled)
    code = code_of(cut.outputs, outputs % cut.outputs, rank, cut.width // cut.lanes, compiled)
    groups = -(-len(x1) // cut.rows)
    chunk = parallel.chunk_size(groups, 2 * cut.rows * outputs * rank * (in1 + v.shape[1]), SPEED)
    workspace = np.empty(min(parallel.participants(), -(-groups // chunk)) * cut.piece, x1.dtype)
    parallel.run(_forward, (cut, code, counting(cut.rows), x1, x2, u, v, out), groups, chunk, workspace, cut.piece)


@lru_cache(maxsize=256)
def cut_of(rows: int, outputs: int, in1: int, in2: int, rank: int, compiled: Compiler) -> Cut:
    """Cut the product of ``rows`` rows."""
    lanes, vectors = compiled.lanes, min(2, -(-rows // compiled.lanes))
    width, columns = vectors * lanes, compiled.sums // vectors
    together = max(range(1, min(MOST_OUTPUTS, outputs) + 1), key=lambda some: (_share(some * rank, columns), -some))
    per_row = up(in1, lanes) + up(in2, lanes) + up(outputs, lanes) + together * rank
    heavy = outputs * rank * (in1 + in2) * compiled.itemsize > HEAVY_BYTES
    most = HEAVY_BYTES if heavy else GROUP_BYTES
    group = min(up(rows, width), max(width, most // (compiled.itemsize * per_row) // width * width))
    return Cut(group, lanes, width, together, group * per_row + SPARE_BYTES // compiled.itemsize)


def _share(columns: int, most: int) -> float:
    """The share of a tile of ``most`` columns that the tiles of ``columns`` have."""
    return columns / (-(-columns // most) * most)


@lru_cache(maxsize=64)
def code_of(outputs: int, last: int, rank: int, vectors: int, compiled: Compiler) -> Code:
    """Compile what a cut needs."""
    most = compiled.sums // vectors
    pairs = np.zeros((2, -(-outputs * rank // most)), np.int64)
    for line, columns in zip(pairs, (outputs * rank, last * rank), strict=True):
        tiles_of = -(-columns // most)
        for tile in range(tiles_of):
            first, stop = (columns * edge // tiles_of for edge in (tile, tile + 1))
            line[tile] = compiled(tiles.pair, first, stop - first, rank, vectors)
    return Code(compiled(lines.gather, vectors), pairs, compiled(tiles.fold, vectors), compiled(lines.scatter, vectors))


@loops
def _forward(cut, code, order, x1, x2, u, v, out, piece, start, stop):
    size, in1, in2, outputs, rank = x1.itemsize, x1.shape[1], x2.shape[1], u.shape[0], u.shape[2]
    line, row, numbers = cut.width * size, rank * size, where(order)
    x1_bytes, x2_bytes = -(-in1 // cut.lanes) * cut.lanes * line, -(-in2 // cut.lanes) * cut.lanes * line
    y_bytes, z_bytes = -(-outputs // cut.lanes) * cut.lanes * line, cut.outputs * rank * line
    for group in range(start, stop):
        first = group * cut.rows
        rows = min(cut.rows, x1.shape[0] - first)
        panels = -(-rows // cut.width)
        x1_panels = aligned(piece)
        x2_panels = x1_panels + panels * x1_bytes
        y_panels = x2_panels + panels * x2_bytes
        z = y_panels + panels * y_bytes
        x1_first, x2_first = where(x1) + first * in1 * size, where(x2) + first * in2 * size
        call(code.gather, x1_first, numbers, in1 * size, size, rows, in1, x1_panels, x1_bytes)
        call(code.gather, x2_first, numbers, in2 * size, size, rows, in2, x2_panels, x2_bytes)
        for k in range(0, outputs, cut.outputs):
            some = min(cut.outputs, outputs - k)
            a, b = where(u) + k * in1 * row, where(v) + k * in2 * row
            for pair in code.pairs[0 if some == cut.outputs else 1]:
                if pair:
                    for p in range(panels):
                        call(
                            pair, a, in1 * row, row, x1_panels + p * x1_bytes, in1, b, in2 * row, row,
                            x2_panels + p * x2_bytes, in2, z + p * z_bytes,
                        )  # fmt: skip
            for p in range(panels):
                call(code.fold, some, rank, z + p * z_bytes, y_panels + p * y_bytes + k * line)
        call(
            code.scatter, where(out) + first * outputs * size, numbers, outputs * size, size, rows, outputs,
            y_panels, y_bytes,
        )  # fmt: skip
