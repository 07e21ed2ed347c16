"""Which tile a kernel uses, and into how many slices a sum over rows is cut: by sizes alone, so that bits stay.

What is here was compiled without spills and is not measured: estimates until a device has had its say.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

from .tiles import Tile

SLICE_BYTES = 64 << 20  # of what the slices of a weight gradient leave
SUMS = Tile(8, 32, 1, 1, 1)  # the blocks of the kernels that only add up
_WIDE, _TALL, _SQUARE = Tile(128, 64, 8, 8, 8), Tile(128, 32, 16, 8, 4), Tile(64, 64, 16, 4, 4)
_DOUBLE, _SMALL, _SMALL_DOUBLE = Tile(64, 64, 8, 4, 4), Tile(32, 32, 16, 4, 4), Tile(32, 32, 8, 4, 4)
TILES: dict[tuple[str, str], tuple[Tile, ...]] = {
    ("forward", "f4"): (_WIDE, _TALL, _SQUARE, _SMALL),
    ("forward", "f8"): (_DOUBLE, _SMALL_DOUBLE),
    ("inputs", "f4"): (Tile(64, 128, 8, 4, 8), _SQUARE, Tile(64, 32, 16, 4, 4), _SMALL),
    ("inputs", "f8"): (_DOUBLE, _SMALL_DOUBLE),
    ("weights", "f4"): (Tile(128, 128, 8, 8, 8), _DOUBLE, _SMALL),
    ("weights", "f8"): (_DOUBLE, _SMALL_DOUBLE),
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


def tile_of(tiles: Mapping[tuple[str, str], Sequence[Tile]], name: str, real: str, e: Extent, processors: int) -> Tile:
    """The tile of a kernel, out of a table as :data:`TILES`."""
    return best(tiles[name, real], e, processors)


def slices(rows: int, blocks: int, bytes_of_one: int, processors: int, least: int) -> int:
    """Slices of so many rows that keep all processors at work, of ``least`` rows at least."""
    wanted = min(-(-2 * processors // blocks), -(-rows // least), SLICE_BYTES // max(1, bytes_of_one))
    return max(1, wanted)
