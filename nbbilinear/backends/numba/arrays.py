"""The arrays Numba may see: native byte order, aligned, writable, plain, C-contiguous.

Only y and the weight of an exchanged product come in strides. Every other kind would be compiled anew, and Numba's
cache of array types mixes up byte orders and alignments once it has met both (a byte-swapped array then passes as
native, without an error).
"""

from math import prod
from typing import Any

import numpy as np

LARGE = 1 << 25  # bytes; such arrays begin a cache line, so that kernels may write them past the caches


def empty(shape: int | tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """An array to be filled."""
    size = (shape if isinstance(shape, int) else prod(shape)) * dtype.itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    memory = np.empty(size + 63, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


class _Memory:
    """Memory of an array, offered as writable."""

    def __init__(self, array: np.ndarray) -> None:
        self.owner = array
        self.__array_interface__ = array.__array_interface__ | {"data": (array.ctypes.data, False)}


def prepare(array: np.ndarray) -> np.ndarray:
    """``array`` itself where Numba may see it; an alias if it is only read-only; else a copy.

    Kernels never write to an input, so an alias of read-only memory stays as it was.
    """
    flags, native = array.flags, array.dtype.isnative
    if flags.carray and native:
        return array
    if flags.c_contiguous and flags.aligned and native:
        return np.asarray(_Memory(array))
    return np.require(array, array.dtype.newbyteorder("="), ["C", "A", "W"])


def prepare_strided(array: np.ndarray) -> np.ndarray:
    """As :func:`prepare`, but a strided array stays where it is: kernels are compiled once more for those."""
    flags = array.flags
    if flags.c_contiguous or not (flags.aligned and array.dtype.isnative):
        return prepare(array)
    return array if flags.writeable else np.asarray(_Memory(array))
