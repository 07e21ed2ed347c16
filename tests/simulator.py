"""Numba's CUDA simulator in the place of a device, for arrays of NumPy: as a backend, so that calls go all the way.

Needs ``NUMBA_ENABLE_CUDASIM=1`` before Numba is imported. Tiles are small, so that few sizes make many of them.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numba import cuda

from nbbilinear.backends import conversion
from nbbilinear.backends.contract import Backend, KernelSet, Speed
from nbbilinear.backends.cuda import compiling, rows
from nbbilinear.backends.cuda.tiles import Tile

SMALL = (Tile(8, 8, 4, 4, 4), Tile(8, 16, 4, 4, 8))
NAMES = ("forward", "inputs", "weights")


@dataclass(frozen=True)
class Simulator:
    """What `launch.Cuda` is on a device."""

    processors: int = 40
    slice_rows: int = 12
    xp = np

    @property
    def tiles(self):
        return {(name, real): SMALL for name in NAMES for real in ("f4", "f8")}

    def aligned(self, size, array):
        return size * array.itemsize % 16 == 0

    def launch(self, kernel, blocks, *arguments):
        make, kinds = compiling.FACTORIES[kernel.name]
        assert len(arguments) == len(kinds)
        assert all(isinstance(a, int) == (kind == "i") for a, kind in zip(arguments, kinds, strict=True))
        cuda.jit(make(kernel))[blocks, kernel.tile.threads](*map(flat, arguments))


def flat(argument):
    """The memory of an array from its first element on, as a kernel sees it: elements, one after another."""
    if isinstance(argument, int):
        return argument
    assert all(stride >= 0 for stride in argument.strides)
    span = 1 + sum((size - 1) * stride for size, stride in zip(argument.shape, argument.strides, strict=True))
    count = -(-span // argument.itemsize) if argument.size else 0
    return np.lib.stride_tricks.as_strided(argument, (count,), (argument.itemsize,))


def poisoned(shape, dtype):
    """New memory that nobody has written yet."""
    return np.full(shape, np.nan, dtype)


DEVICE = Simulator()
FUSED = KernelSet(
    "simulator/fused", "rows", partial(rows.forward, DEVICE), partial(rows.backward, DEVICE),
    partial(rows.work, DEVICE), partial(rows.workspace, DEVICE), Speed({"": 1.0}, 1.0, 1.0), False, False,
)  # fmt: skip
BACKEND = Backend("simulator", (FUSED,), np.ascontiguousarray, np.asarray, poisoned, conversion.convert)
