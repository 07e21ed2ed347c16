"""Arrays to fill: found fit before anything is computed, so that an error changes nothing."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .axes import Shape
from .errors import BilinearError, DTypeError, ShapeError, report
from .kinds import as_arrays, is_foreign

Array = Any


def to_fill(verb: str, name: str, out: Any, shape: Shape, dtype: np.dtype[Any], inputs: Mapping[str, Array]) -> Array:
    """``out`` as a writable ndarray of this shape and dtype that shares no memory with an input."""
    if not (isinstance(out, np.ndarray) or is_foreign(out)):
        raise DTypeError(f"{verb}: {name} must be an array to fill, got {type(out).__name__}")
    array = as_arrays(verb, {name: out})[0][name]
    faults: list[str] = []
    kind: type[BilinearError] = ShapeError
    if array.dtype != dtype:
        faults, kind = [f"{name} has dtype {array.dtype}, expected {dtype}"], DTypeError
    elif array.shape != shape:
        faults = [f"{name} has shape {array.shape}, expected {shape}"]
    elif not getattr(array.flags, "writeable", True):
        faults = [f"{name} is read-only: pass an array that may be written"]
    elif _overlaps_itself(array):
        faults = [f"{name} has elements that share memory: pass a plain array, such as np.empty({shape})"]
    else:
        faults = [
            f"{name} shares memory with {other}: pass other memory" for other, a in inputs.items() if overlap(array, a)
        ]
    if faults:
        raise kind(report(f"{verb}: cannot fill {name}", faults, {**inputs, name: array}))
    return array


def overlap(one: Array, other: Array) -> bool:
    """Whether two arrays have an element in common."""
    return other is not None and np.may_share_memory(one, other) and np.shares_memory(one, other)


def _overlaps_itself(array: Array) -> bool:
    """Whether an element may be reached by two indices: some axis steps by less than those inside it span."""
    if array.size <= 1:
        return False
    span = array.itemsize
    for stride, size in sorted((abs(stride), size) for stride, size in zip(array.strides, array.shape, strict=True)):
        if size > 1:
            if stride < span:
                return True
            span = stride * (size - 1) + span
    return False
