"""The door: what kinds of objects may come in as an array, and as what a result goes out again.

Plain arrays of NumPy and CuPy pass untouched. Lists, memmaps and plain subclasses become arrays; arrays of other
libraries are taken zero-copy, to NumPy in host memory and to CuPy on a CUDA device, and results are handed back as
their kind. Whatever would need a silent transfer, a lost mask or a computation is refused.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import devices
from .errors import BackendError, DTypeError, report

Array = Any
GiveBack = Callable[[Array], Array]
_DLPACK_CPU = (1, 3)  # kDLCPU and kDLCUDAHost of dlpack.h


def as_arrays(verb: str, given: Mapping[str, Any]) -> tuple[dict[str, Array], GiveBack | None]:
    """Every operand as an array of NumPy, or all of CuPy (None stays None), and the way back to the caller's kind."""
    if _are_all_numpy(given):
        return dict(given), None
    check_same_kind(verb, given)
    arrays = {name: None if value is None else _as_array(verb, name, value) for name, value in given.items()}
    example = next((value for value in given.values() if is_foreign(value)), None)
    if example is None:
        return arrays, None
    check_same_place(verb, arrays)
    return arrays, None if devices.is_cupy(example) else _way_back(example)


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
    """Whether this is an array of another library than NumPy."""
    if isinstance(value, (np.ndarray, np.generic)):
        return False
    return hasattr(value, "__dlpack__") or hasattr(value, "__cuda_array_interface__")


def check_same_place(verb: str, arrays: Mapping[str, Array]) -> None:
    """Refuse arrays in different memories, and those on a device that is not the current one."""
    places = {name: devices.place(a) for name, a in arrays.items() if a is not None}
    found = sorted(set(places.values()))
    if len(found) > 1:
        where = ", ".join(f"{name} on {place}" for name, place in places.items())
        fault = f"operands lie in different memories ({where}): move them to one, as by cupy.asarray(x)"
        raise BackendError(report(f"{verb}: operands do not fit", [fault], arrays))
    if found[0] != "cpu" and found[0] != (here := devices.current()):
        number = found[0].partition(":")[2]
        fault = f"operands lie on {found[0]}, and {here} is current: call inside `with cupy.cuda.Device({number}):`"
        raise BackendError(report(f"{verb}: operands are on another device", [fault], arrays))


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
    return library if is_foreign(value) else None


def _as_array(verb: str, name: str, value: Any) -> Array:
    """``value`` as a plain array of NumPy or CuPy, on the same memory where it has one."""
    kind = _foreign_kind(verb, name, value)
    if kind == "cupy":
        return value
    if kind is None:
        try:
            return np.asarray(value)
        except ValueError as ragged:
            raise DTypeError(f"{verb}: {name} is no rectangular array of numbers ({ragged})") from None
    _check_whole(verb, name, kind, value)
    try:
        if devices.is_on_device(value):
            return devices.shared(value)
        if value.__dlpack_device__()[0] in _DLPACK_CPU:
            return np.from_dlpack(value)
    except ImportError as missing:
        raise BackendError(f"{verb}: {name} is a {kind} array on a CUDA device, but {missing}") from None
    except (BufferError, RuntimeError, TypeError, ValueError) as refused:
        message = f"{verb}: {name}, a {kind} array, cannot be shared ({refused}); pass plain numbers in memory"
        raise DTypeError(message) from None
    raise BackendError(f"{verb}: {name} is a {kind} array on a device that is neither the CPU nor a CUDA device")


def _check_whole(verb: str, name: str, kind: str, value: Any) -> None:
    """Refuse tensors that are more than their memory."""
    if getattr(value, "requires_grad", False):
        raise BackendError(
            f"{verb}: {name} is a {kind} tensor that requires grad, which would be lost: pass {name}.detach(), "
            "and put gradients in place with bilinear_backward"
        )
    for bit in ("neg", "conj"):  # torch keeps these beside the memory, and DLPack leaves them out without a word
        if getattr(value, f"is_{bit}", bool)():
            raise DTypeError(f"{verb}: {name} is a lazily changed {kind} tensor: pass {name}.resolve_{bit}()")


def _way_back(example: Any) -> GiveBack | None:
    """The ``from_dlpack`` of the library ``example`` belongs to, or Numba's word for it; where neither is, None."""
    namespace = getattr(example, "__array_namespace__", None)
    library = namespace() if namespace else sys.modules.get(type(example).__module__.partition(".")[0])
    take_over: GiveBack | None = getattr(library, "from_dlpack", None)
    return take_over or getattr(getattr(library, "cuda", None), "as_cuda_array", None)
