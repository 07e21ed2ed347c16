"""The words of `words.py` in Python, for Numba's simulator; and shared memory that is NaN until it is written."""

import sys
from threading import Lock

import numpy as np
from numba import types
from numba.cuda.simulator import kernelapi

from . import turns

_BYTES = 16
_ONE_AT_A_TIME = Lock()


def load(array, index):
    """array[index], which must not be negative."""
    _not_negative(index)
    return array[index]


def fma(a, b, c):
    """A product and a sum; the device rounds once."""
    return a * b + c


def copy16(target, place, source, index):
    """target[place : place + n] = source[index : index + n] for 16 bytes, which both must be aligned to."""
    count = _BYTES // source.itemsize
    _aligned(place, count)
    _aligned(index, count)
    target[place : place + count] = source[index : index + count]


def read4(registers, place, source, index):
    """registers[place : place + 4] = source[index : index + 4]."""
    _aligned(index, _BYTES // source.itemsize)
    registers[place : place + 4] = source[index : index + 4]


def read16(registers, place, source, index):
    """As many elements as 16 bytes hold."""
    count = _BYTES // source.itemsize
    _aligned(index, count)
    registers[place : place + count] = source[index : index + count]


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
