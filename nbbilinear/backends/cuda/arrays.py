"""The arrays the kernels see: rows one after another; y and its gradient in any strides."""

from importlib import import_module
from typing import Any

Array = Any


def prepare(array: Array) -> Array:
    """``array`` itself where its rows lie side by side; else a copy."""
    return array if array.flags.c_contiguous else import_module("cupy").ascontiguousarray(array)


def prepare_strided(array: Array) -> Array:
    """``array`` itself: kernels are told its strides."""
    return array
