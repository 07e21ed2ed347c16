"""The door: what kinds of objects may come in as an array, and as what a result goes out again.

Plain NumPy arrays pass untouched. Lists, memmaps and plain subclasses become arrays; arrays of other libraries that
live in host memory are taken zero-copy through DLPack, and results are handed back as their kind. Whatever would need a
silent transfer, a lost mask or a computation is refused.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .errors import BackendError, DTypeError, report

Array = Any
GiveBack = Callable[[Array], Array]
_DLPACK_CPU = (1, 3)  # kDLCPU and kDLCUDAHost of dlpack.h


def as_arrays(verb: str, given: Mapping[str, Any]) -> tuple[dict[str, Array], GiveBack | None]:
    """Every operand as a plain ndarray (None stays None), and the way back to the caller's kind."""
    if _are_all_numpy(given):
        return dict(given), None
    check_same_kind(verb, given)
    arrays = {name: None if value is None else _as_array(verb, name, value) for name, value in given.items()}
    example = next((value for value in given.values() if is_foreign(value)), None)
    return arrays, None if example is None else _way_back(example)


def check_same_kind(verb: str, given: Mapping[str, Any]) -> None:
    """Refuse arrays of different libraries."""
    if _are_all_numpy(given):
        return
    kinds = {name: _foreign_kind(verb, name, value) for name, value in given.items() if value is not None}
    foreign = sorted({kind for kind in kinds.values() if kind})
    if foreign and any(kind is None and isinstance(given[name], np.ndarray) for name, kind in kinds.items()):
        foreign.append("numpy")
    if len(foreign) > 1:
        fault = f"operands are arrays of different libraries ({', '.join(foreign)}): convert them to one"
        raise BackendError(report(f"{verb}: operands do not fit", [fault], given))


def _are_all_numpy(given: Mapping[str, Any]) -> bool:
    """The common case in one look: plain ndarrays, and nothing."""
    return all(type(value) is np.ndarray or value is None for value in given.values())


def is_foreign(value: Any) -> bool:
    """Whether this is an array of another library."""
    return hasattr(value, "__dlpack__") and not isinstance(value, (np.ndarray, np.generic))


def _foreign_kind(verb: str, name: str, value: Any) -> str | None:
    """The library an array belongs to; None for NumPy's own and for plain Python sequences."""
    library = type(value).__module__.partition(".")[0]
    if isinstance(value, (np.matrix, np.ma.MaskedArray)):
        what = "np.matrix" if isinstance(value, np.matrix) else "a masked array"
        raise DTypeError(
            f"{verb}: {name} is {what}, whose meaning would be lost: pass np.asarray({name}) if that is meant"
        )
    if library == "dask":
        raise BackendError(f"{verb}: {name} is a lazy dask array: call {name}.compute() or map_blocks over it")
    if is_foreign(value):
        return library
    if hasattr(value, "__cuda_array_interface__"):
        raise BackendError(f"{verb}: {name} is a {library} array on a CUDA device, and no backend here computes there")
    return None


def _as_array(verb: str, name: str, value: Any) -> Array:
    """``value`` as a plain ndarray, on the same memory where it has one."""
    kind = _foreign_kind(verb, name, value)
    if kind is None:
        try:
            return np.asarray(value)
        except ValueError as ragged:
            raise DTypeError(f"{verb}: {name} is no rectangular array of numbers ({ragged})") from None
    if getattr(value, "requires_grad", False):
        raise BackendError(
            f"{verb}: {name} is a {kind} tensor that requires grad, which would be lost: pass {name}.detach(), "
            "and put gradients in place with bilinear_backward"
        )
    for bit in ("neg", "conj"):  # torch keeps these beside the memory, and DLPack leaves them out without a word
        if getattr(value, f"is_{bit}", bool)():
            raise DTypeError(f"{verb}: {name} is a lazily changed {kind} tensor: pass {name}.resolve_{bit}()")
    try:
        device = value.__dlpack_device__()[0]
        if device in _DLPACK_CPU:
            return np.from_dlpack(value)
    except (BufferError, RuntimeError, TypeError, ValueError) as refused:
        message = (
            f"{verb}: {name}, a {kind} array, cannot be shared with NumPy ({refused}); pass plain numbers in memory"
        )
        raise DTypeError(message) from None
    raise BackendError(
        f"{verb}: {name} is a {kind} array on another device than the CPU, and no backend here computes there"
    )


def _way_back(example: Any) -> GiveBack:
    """The ``from_dlpack`` of the library ``example`` belongs to."""
    namespace = getattr(example, "__array_namespace__", None)
    library = namespace() if namespace else sys.modules[type(example).__module__.partition(".")[0]]
    take_over: GiveBack = library.from_dlpack
    return take_over
