"""Which tile a kernel uses, and into how many slices a sum over rows is cut: by sizes alone, so that bits stay.

What is here was compiled without spills and is not measured: estimates until a device has had its say.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

from .tiles import KINDS, Tile

SLICE_BYTES = 64 << 20  # of what the slices of a weight gradient leave
SUMS = Tile(8, 32, 1, 1, 1)  # the blocks of the kernels that only add up
_WIDE, _TALL, _SQUARE = Tile(128, 64, 8, 8, 8), Tile(128, 32, 16, 8, 4), Tile(64, 64, 16, 4, 4)
_DOUBLE, _SMALL, _SMALL_DOUBLE = Tile(64, 64, 8, 4, 4), Tile(32, 32, 16, 4, 4), Tile(32, 32, 8, 4, 4)
# Of tensor cores: a warp has 8 high x 4 wide sums, of whole 16 x 8.
_WARPS, _SQUARE_WARPS, _FEW_WARPS = Tile(128, 64, 16, 8, 8), Tile(64, 64, 16, 4, 8), Tile(32, 32, 16, 4, 4)
_TENSOR = {
    "forward": (_WARPS, _FEW_WARPS),
    "inputs": (_SQUARE_WARPS, _FEW_WARPS),
    "weights": (_WARPS, _FEW_WARPS),
    "side": (_WARPS,),
}
TILES: dict[tuple[str, str], tuple[Tile, ...]] = {
    ("forward", "f4"): (_WIDE, _TALL, _SQUARE, _SMALL),
    ("forward", "f8"): (_DOUBLE, _SMALL_DOUBLE),
    ("inputs", "f4"): (Tile(64, 128, 8, 4, 8), _SQUARE, Tile(64, 32, 16, 4, 4), _SMALL),
    ("inputs", "f8"): (_DOUBLE, _SMALL_DOUBLE),
    ("weights", "f4"): (Tile(128, 128, 8, 8, 8), _DOUBLE, _SMALL),
    ("weights", "f8"): (_DOUBLE, _SMALL_DOUBLE),
    ("side", "f4"): (_WIDE, _SQUARE, _SMALL),
    ("side", "f8"): (_DOUBLE, _SMALL_DOUBLE),
    ("few", "f4"): (Tile(32, 128, 1, 4, 4), Tile(64, 128, 1, 8, 4)),  # rows in registers of 256 threads; 16 spill
    ("few", "f8"): (Tile(32, 128, 1, 4, 4),),
    **{(name, kind): tiles for name, tiles in _TENSOR.items() for kind in ("tf32", "tf32x3", "f2", "b2")},
    # of 128 x 64 the compiler for 12.0 puts factors that are split onto a stack
    ("weights", "b2"): (_SQUARE_WARPS, _FEW_WARPS),
    ("side", "b2"): (_SQUARE_WARPS,),
}


class Extent(NamedTuple):
    """What is tiled: rows by columns of sums, so many times. ``whole``: a block goes through all columns of a row."""

    rows: int
    columns: int
    times: int
    whole: bool = True

    def tiles(self, tile: Tile) -> tuple[int, int]:
        """Tiles along rows and along columns."""
        return -(-self.rows // tile.rows), -(-self.columns // tile.columns)

    def blocks(self, tile: Tile) -> int:
        """Blocks that work on it at a time."""
        down, across = self.tiles(tile)
        return self.times * down * (1 if self.whole else across)

    def sums(self, tile: Tile, processors: float) -> float:
        """Sums that there was time for: those beyond the edges among them, and those of processors without a block."""
        padded = prod(self.tiles(tile)) * tile.rows * tile.columns * self.times
        return padded * max(1.0, processors / self.blocks(tile))


def best(tiles: Sequence[Tile], extent: Extent, processors: int) -> Tile:
    """The tile that wastes least: sums beyond the edges, idle processors, and factors read for few sums."""

    def cost(tile: Tile) -> float:
        return extent.sums(tile, processors) * (1 + 1 / tile.high + 1 / tile.wide)

    return min(tiles, key=cost)


def tile_of(tiles: Mapping[tuple[str, str], Sequence[Tile]], name: str, kind: str, e: Extent, processors: int) -> Tile:
    """The tile of a kernel, out of a table as :data:`TILES`."""
    return best(tiles[name, kind], e, processors)


def slices(rows: int, blocks: int, bytes_of_one: int, processors: int, least: int) -> int:
    """Slices of so many rows that keep all processors at work, of ``least`` rows at least."""
    wanted = min(-(-2 * processors // blocks), -(-rows // least), SLICE_BYTES // max(1, bytes_of_one))
    return max(1, wanted)


def cut_of_weight(device: Any, kind: str, rows: int, outs: int, in1: int, in2: int) -> tuple[Tile, int]:
    """The tile of the weight's gradient, and the slices its sum is cut into."""
    extent = Extent(in1, in2, outs, whole=False)
    tile = tile_of(device.tiles, "weights", kind, extent, 1)
    size = outs * in1 * in2 * int(KINDS[kind].sums[1])
    return tile, slices(rows, extent.blocks(tile), size, device.processors, device.slice_rows)


def cut_of_bias(device: Any, rows: int, outs: int) -> int:
    """The slices that the sum of the bias's gradient is cut into."""
    return slices(rows, -(-outs // SUMS.columns), outs * 8, device.processors, device.slice_rows)


def parts_of_few(device: Any, in1: int, blocks: int) -> int:
    """The parts that i is cut into where so many blocks of few rows would leave processors idle."""
    return max(1, min(in1, 2 * int(device.processors) // blocks))


def rows_at_a_time(device: Any, kind: str, rows: int, in1: int, in2: int) -> int:
    """Rows whose dx1 is summed before it is rounded; all, where one block goes through all of x2."""
    tile = tile_of(device.tiles, "inputs", kind, Extent(rows, in2, 1), device.processors)
    if not KINDS[kind].halves or in2 <= tile.columns:
        return rows
    return max(tile.rows, min(rows, SLICE_BYTES // (4 * in1)))
