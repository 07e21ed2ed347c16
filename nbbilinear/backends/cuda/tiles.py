"""Tiles of sums: their sizes, and how the numbers in them are stored and multiplied.

A block of threads owns a tile of ``rows`` by ``columns`` sums and stages ``depth`` terms of both factors at a time in
shared memory: ``a[p, r]`` with the rows side by side, and ``b[p, c]``. A thread owns ``high`` by ``wide`` of the sums.
"""

from typing import Any, NamedTuple

from numba import types

REALS: dict[str, Any] = {"f4": types.float32, "f8": types.float64}
# The bits of half floats; the words tell float16 from bfloat16 by the sign of the integers that stand for them.
STORED: dict[str, Any] = {**REALS, "f2": types.int16, "b2": types.uint16}


class Kind(NamedTuple):
    """How numbers are stored, summed and multiplied.

    ``parts``: into how many numbers of 11 bits a factor of ``a`` and one of ``b`` are split for the tensor cores; none:
    fused multiply-adds. Half floats have 11 bits and fewer, and need no rounding.
    """

    sums: str
    stored: str
    parts: tuple[int, int] = (0, 0)

    @property
    def halves(self):
        """Whether operands are half floats."""
        return self.sums != self.stored


KINDS = {
    "f4": Kind("f4", "f4"),
    "f8": Kind("f8", "f8"),
    "tf32": Kind("f4", "f4", (1, 1)),
    "tf32x3": Kind("f4", "f4", (2, 2)),
    "f2": Kind("f4", "f2", (1, 1)),
    "b2": Kind("f4", "b2", (1, 1)),
}


class Tile(NamedTuple):
    """The shape of a tile."""

    rows: int
    columns: int
    depth: int
    high: int
    wide: int

    @property
    def threads(self):
        """Threads of a block."""
        return (self.rows // self.high) * (self.columns // self.wide)


class Kernel(NamedTuple):
    """A kernel of which one binary is made.

    ``kind``: of :data:`KINDS`. ``vector``: sizes and addresses are multiples of 16 bytes. ``segmented``: rows come
    in an order, sorted by weight.
    """

    name: str
    tile: Tile
    kind: str
    vector: bool
    segmented: bool

    @property
    def real(self):
        """The type of sums."""
        return REALS[KINDS[self.kind].sums]

    @property
    def lanes(self):
        """Operands' elements in 16 bytes."""
        return 16 // int(KINDS[self.kind].stored[1])

    @property
    def tensor(self):
        """Whether tensor cores multiply."""
        return KINDS[self.kind].parts != (0, 0)

    @property
    def pitches(self):
        """From one term to the next in ``a`` and in ``b``: what a warp reads at a time lies in different banks."""
        extra_a, extra_b = (8, 8) if self.tensor else (4, 0)
        return self.tile.rows + extra_a, self.tile.columns + extra_b
