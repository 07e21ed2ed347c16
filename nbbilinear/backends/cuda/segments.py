"""Rows that use a weight each, side by side: their order, where each weight begins, and the tiles they make.

All of it is computed where ``which`` lies. How many tiles there are is bounded, not asked: no transfer, no waiting.
"""

from typing import Any, NamedTuple

import numpy as np

Array = Any


class Segments(NamedTuple):
    """``order[n]`` is the n-th row, sorted by weight; rows ``starts[w]`` to ``starts[w + 1]`` of those use weight w."""

    xp: Any
    order: Array
    starts: Array
    rows: int
    weights: int

    def tiles(self, rows: int) -> int:
        """The most tiles of so many rows that there can be, if none has rows of two weights."""
        return self.rows // rows + min(self.rows, self.weights)

    def table(self, rows: int) -> Array:
        """Of each tile its weight, its first row and the end of its weight, in the order of ``order``: (3, tiles)."""
        xp, starts, most = self.xp, self.starts, self.tiles(rows)
        tiles = (starts[1:] - starts[:-1] + (rows - 1)) // rows
        ends, number = xp.cumsum(tiles), xp.arange(most)
        found = xp.searchsorted(ends, number, side="right")
        there = found < self.weights
        w = xp.where(there, found, 0)
        table = xp.empty((3, most), np.int32)
        table[0] = w
        table[1] = xp.where(there, starts[w] + (number - ends[w] + tiles[w]) * rows, self.rows)
        table[2] = xp.where(there, starts[w + 1], self.rows)
        return table


def segments_of(xp: Any, which: Array, weights: int) -> Segments:
    """Sort rows by the weight they use, those of a weight in their order."""
    order = xp.argsort(which, kind="stable")
    starts = xp.searchsorted(which[order], xp.arange(weights + 1))
    return Segments(xp, order.astype(np.int32), starts.astype(np.int32), len(which), weights)
