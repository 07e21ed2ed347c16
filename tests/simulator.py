"""Numba's CUDA simulator in the place of a device, for arrays of NumPy: as a backend, so that calls go all the way.

Needs ``NUMBA_ENABLE_CUDASIM=1`` before Numba is imported. Tiles are small, so that few sizes make many of them.
"""

import os
from dataclasses import dataclass
from functools import partial

import numpy as np
from numba import cuda

from nbbilinear.backends import conversion
from nbbilinear.backends.contract import Backend
from nbbilinear.backends.cuda import compiling
from nbbilinear.backends.cuda.sets import kernel_sets
from nbbilinear.backends.cuda.tiles import KINDS, Tile

# Its threads take turns: on one core they hand over in half the time, and do not wait for another to wake up.
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])

SMALL = (Tile(8, 8, 4, 4, 4), Tile(8, 16, 4, 4, 8))
WARPS = {  # side by side, of two tiles by two, and one above the other
    "forward": (Tile(16, 16, 8, 2, 2),), "inputs": (Tile(32, 16, 8, 4, 4),), "weights": (Tile(32, 8, 8, 2, 2),),
    "side": (Tile(16, 8, 8, 2, 2),),
}  # fmt: skip
FEW = (Tile(8, 8, 1, 4, 4),)  # four threads, two by two


@dataclass(frozen=True)
class Simulator:
    """What `launch.Cuda` is on a device."""

    processors: int = 40
    capability: int = 90
    kinds: tuple = (("float32", "f4"), ("float64", "f8"))
    slice_rows: int = 12
    xp = np

    @property
    def tiles(self):
        tiles = {(name, kind): WARPS[name] if sum(KINDS[kind].parts) else SMALL for name in WARPS for kind in KINDS}
        return tiles | {("few", kind): FEW for kind in ("f4", "f8")}

    def kind(self, dtype):
        return dict(self.kinds).get(dtype.name)

    def aligned(self, size, array):
        return size * array.itemsize % 16 == 0

    def launch(self, kernel, blocks, *arguments):
        make, kinds = compiling.FACTORIES[kernel.name]
        assert len(arguments) == len(kinds)
        types = {"s": KINDS[kernel.kind].stored, "r": KINDS[kernel.kind].sums}
        for argument, letter in zip(arguments, kinds, strict=True):
            assert isinstance(argument, int) == (letter == "i")
            assert letter in "ip" or code(argument.dtype) == types[letter]
        cuda.jit(make(kernel))[blocks, kernel.tile.threads](*map(flat, arguments))


def code(dtype):
    """As kinds name types."""
    return "b2" if dtype.name == "bfloat16" else f"{dtype.kind}{dtype.itemsize}"


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
KERNELS = kernel_sets("simulator", DEVICE, partial)
BACKEND = Backend("simulator", KERNELS, np.ascontiguousarray, np.asarray, poisoned, conversion.convert)
