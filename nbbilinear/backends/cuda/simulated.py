"""The words of `words.py` in Python, for Numba's simulator; and shared memory that is NaN until it is written."""

import sys
from threading import Lock, current_thread
from typing import Any

import numpy as np
from numba import types
from numba.cuda.simulator import kernelapi

from . import turns

_BYTES = 16
_ELEVEN_BITS = np.uint32(0xFFFFE000)
_ONE_AT_A_TIME = Lock()


def load(array, index):
    """array[index], which must not be negative; of half floats as float32."""
    _not_negative(index)
    return np.float32(array[index]) if array.itemsize == 2 else array[index]


def store(array, index, value):
    """array[index] = value, rounded."""
    _not_negative(index)
    array[index] = value


def fma(a, b, c):
    """A product and a sum; the device rounds once."""
    return a * b + c


def copy16(target, place, source, index):
    """target[place : place + n] = source[index : index + n] for 16 bytes, which both must be aligned to."""
    count = _BYTES // source.itemsize
    _aligned(place, _BYTES // target.itemsize)
    _aligned(index, count)
    _copy(target, place, source, index, count)


def read4(registers, place, source, index):
    """registers[place : place + 4] = source[index : index + 4]."""
    _aligned(index, _BYTES // source.itemsize)
    _copy(registers, place, source, index, 4)


def read16(registers, place, source, index):
    """As many elements as 16 bytes hold."""
    count = _BYTES // source.itemsize
    _aligned(index, count)
    _copy(registers, place, source, index, count)


def _copy(target, place, source, index, count):
    for n in range(count):
        target[place + n] = load(source, index + n)


def tf32(x):
    """The nearest number of 11 bits, of two as near the larger."""
    return ((np.float32(x).view(np.uint32) + np.uint32(0x1000)) & _ELEVEN_BITS).view(np.float32)


def mma(a0, a1, a2, a3, b0, b1, c0, c1, c2, c3):
    """A product of the matrices that the threads of a warp hold together, added to c. Of factors it reads 11 bits."""
    thread: Any = current_thread()
    thread.wait("meeting", (a0, a1, a2, a3, b0, b1))
    if thread.given.made is None:
        thread.given.made = _product(thread.given.brought)
    group, place = divmod(thread.number % turns.WARP, 4)
    ((d0, d1), (d2, d3)) = thread.given.made[group::8, 2 * place : 2 * place + 2]
    return np.float32(c0 + d0), np.float32(c1 + d1), np.float32(c2 + d2), np.float32(c3 + d3)


def _product(brought):
    a, b = np.empty((16, 8), np.float32), np.empty((8, 8), np.float32)
    for lane, held in enumerate(brought):
        group, place = divmod(lane, 4)
        a[group, place], a[group + 8, place], a[group, place + 4], a[group + 8, place + 4] = held[:4]
        b[place, group], b[place + 4, group] = held[4:]
    wide = ((x.view(np.uint32) & _ELEVEN_BITS).view(np.float32).astype(np.float64) for x in (a, b))
    return np.matmul(*wide)


def _aligned(index, count):
    _not_negative(index)
    if index % count:
        raise IndexError(f"element {index} does not begin at a multiple of 16 bytes, which hold {count} elements")


def _not_negative(index):
    if index < 0:
        raise IndexError(f"element {index} lies before the array")


def _shared_array(self, shape, dtype, alignment=None):  # noqa: ARG001
    """One array for a line of the kernel, as the simulator has it; it takes an alignment and begins as NaN."""
    if isinstance(dtype, types.Type):
        dtype = kernelapi.numpy_support.as_dtype(dtype)
    frame = sys._getframe(1)
    with _ONE_AT_A_TIME:
        return self._allocations.setdefault((frame.f_code.co_filename, frame.f_lineno), np.full(shape, np.nan, dtype))


def prepare_simulator():
    """Give the simulator shared arrays that can be aligned and are poisoned."""
    kernelapi.FakeCUDAShared.array = _shared_array
    turns.install()
