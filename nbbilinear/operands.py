"""The door: what may come in as an operand, and as what it goes out again.

Plain NumPy arrays pass untouched. Lists, memmaps and plain subclasses become arrays; arrays of other
libraries that live in host memory are taken zero-copy through DLPack and the result is handed back as
their kind. Anything that would need a silent transfer, copy of a mask or computation is refused.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from .errors import BackendError, DTypeError, IndexRangeError, report

Array = Any
_FLOATS = frozenset({np.dtype("float32"), np.dtype("float64")})
_LATER = "float16, bfloat16 and complex operands are not supported by this version: cast to float32 or float64"
_DLPACK_CPU = (1, 3)  # kDLCPU, kDLCUDAHost (DLPack's dlpack.h)


class Operands(NamedTuple):
    """The operands as NumPy arrays, the dtype to compute in, and the way back to the caller's kind.

    ``uniform``: all have that dtype already.
    """

    x1: Array
    x2: Array
    weight: Array
    bias: Array | None
    index: Array | None  # type: ignore[assignment]  # hides tuple.index
    dtype: np.dtype[Any]
    give_back: Callable[[Array], Array] | None
    uniform: bool

    def cast(self) -> "Operands":
        """The operands in the dtype to compute in."""
        if self.uniform:
            return self
        cast = {name: a.astype(self.dtype, copy=False) for name, a in self.named().items() if a is not None}
        return self._replace(**cast | {"index": self.index, "uniform": True})

    def named(self) -> dict[str, Array]:
        """The operands by name."""
        return dict(zip(self._fields[:5], self[:5], strict=True))


def take(verb: str, x1: Array, x2: Array, weight: Array, bias: Array | None, index: Array | None) -> Operands:
    """Return the operands as arrays; raise where an operand's kind or dtype cannot be used."""
    dtype = getattr(x1, "dtype", None)
    if (  # the common case in one look: everything else costs microseconds more
        type(x1) is type(x2) is type(weight) is np.ndarray
        and dtype in _FLOATS
        and x2.dtype == dtype
        and weight.dtype == dtype
        and (bias is None or (type(bias) is np.ndarray and bias.dtype == dtype))
        and index is None
    ):
        return Operands(x1, x2, weight, bias, None, dtype, None, True)
    arrays, give_back = as_arrays(verb, {"x1": x1, "x2": x2, "weight": weight, "bias": bias})
    dtype = common_dtype(verb, arrays)
    chosen = as_index(verb, index)
    if chosen is not None:
        _check_range(verb, chosen, arrays)
    return Operands(**arrays, index=chosen, dtype=dtype, give_back=give_back, uniform=False)


def as_arrays(verb: str, given: Mapping[str, Any]) -> tuple[dict[str, Array], Callable[[Array], Array] | None]:
    """Every operand as a plain ndarray (None stays None), and the way back to the caller's kind."""
    kinds = {name: _foreign_kind(name, value, verb) for name, value in given.items() if value is not None}
    foreign = sorted({kind for kind in kinds.values() if kind})
    if foreign and any(kind is None and isinstance(given[name], np.ndarray) for name, kind in kinds.items()):
        foreign.append("numpy")
    if len(foreign) > 1:
        fault = f"operands are arrays of different libraries ({', '.join(foreign)}): convert them to one"
        raise BackendError(report(f"{verb}: operands do not fit", [fault], given))
    arrays = {
        name: None if value is None else _as_array(verb, name, value, kinds[name]) for name, value in given.items()
    }
    example = next((given[name] for name, kind in kinds.items() if kind), None)
    return arrays, None if example is None else _way_back(example)


def common_dtype(verb: str, arrays: Mapping[str, Array]) -> np.dtype[Any]:
    """The dtype NumPy promotes the operands to; DTypeError unless all are numbers that can be computed with."""
    faults = [
        f"{name} has dtype {a.dtype}; {_LATER if a.dtype.kind in 'fcV' else 'expected float32, float64 or integers'}"
        for name, a in arrays.items()
        if a is not None and not _is_supported(a.dtype)
    ]
    if faults:
        raise DTypeError(report(f"{verb}: operands do not fit", faults, arrays))
    return np.result_type(*(a.dtype for a in arrays.values() if a is not None)).newbyteorder("=")


def as_index(verb: str, index: Any) -> Array | None:
    """``index`` as an int64 array."""
    if index is None:
        return None
    found = _as_array(verb, "index", index, _foreign_kind("index", index, verb))
    if found.size == 0 and not isinstance(index, np.ndarray):
        return found.astype(np.int64)  # an empty list has no dtype of its own
    if found.dtype.kind not in "iu":
        raise DTypeError(
            report(f"{verb}: index must be integers", [f"index has dtype {found.dtype}"], {"index": found})
        )
    return found.astype(np.int64, copy=False)


def _check_range(verb: str, index: Array, operands: Mapping[str, Array]) -> None:
    weight = operands["weight"]
    count = weight.shape[0] if weight.ndim else 0
    if index.size and (index.min() < -count or index.max() >= count):
        fault = f"index reaches from {index.min()} to {index.max()}, expected -{count} <= index < {count}"
        raise IndexRangeError(report(f"{verb}: index points outside the weight", [fault], {**operands, "index": index}))


def _is_supported(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "iu" or dtype.newbyteorder("=") in _FLOATS


def _foreign_kind(name: str, value: Any, verb: str) -> str | None:
    """The library an array belongs to; None for NumPy's own and for plain Python sequences."""
    if isinstance(value, (np.matrix, np.ma.MaskedArray)):
        what = "np.matrix" if isinstance(value, np.matrix) else "a masked array"
        raise DTypeError(
            f"{verb}: {name} is {what}, whose meaning would be lost: pass np.asarray({name}) if that is meant"
        )
    if isinstance(value, (np.ndarray, np.generic)) or not hasattr(value, "__dlpack__"):
        library = type(value).__module__.partition(".")[0]
        if library == "dask":
            raise BackendError(f"{verb}: {name} is a lazy dask array: call {name}.compute() or map_blocks over it")
        if hasattr(value, "__cuda_array_interface__"):
            raise BackendError(
                f"{verb}: {name} is a {library} array on a CUDA device, and no backend here computes there"
            )
        return None
    return type(value).__module__.partition(".")[0]


def _as_array(verb: str, name: str, value: Any, kind: str | None) -> Array:
    """``value`` as a plain ndarray on the same memory where it has one."""
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
    if value.__dlpack_device__()[0] not in _DLPACK_CPU:
        raise BackendError(
            f"{verb}: {name} is a {kind} array on another device than the CPU, and no backend here computes there"
        )
    try:
        return np.from_dlpack(value)
    except (BufferError, RuntimeError, TypeError) as refused:
        raise DTypeError(f"{verb}: {name}, a {kind} array, cannot be shared with NumPy ({refused}). {_LATER}") from None


def _way_back(example: Any) -> Callable[[Array], Array]:
    """The ``from_dlpack`` of the library ``example`` belongs to."""
    namespace = getattr(example, "__array_namespace__", None)
    library = namespace() if namespace else sys.modules[type(example).__module__.partition(".")[0]]
    take_over: Callable[[Array], Array] = library.from_dlpack
    return take_over
