"""The operands of a call: arrays of one kind, the dtype to compute in, an index within its range."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.exceptions import DTypePromotionError

from .devices import is_cupy
from .errors import DTypeError, IndexRangeError, report
from .kinds import GiveBack, as_arrays

Array = Any
FLOATS = frozenset({np.dtype("float32"), np.dtype("float64")})
_HALVES = frozenset({"float16", "bfloat16"})  # by name: NumPy has no bfloat16 of its own, ml_dtypes brings one


class Operands(NamedTuple):
    """The operands as arrays of one library, the dtype of y, and the way back to the caller's kind.

    ``uniform``: all are stored in the dtype that is computed in; ``stored``: all in this other one, by its name.
    ``library`` is None where only sizes are known.
    """

    x1: Array
    x2: Array
    weight: Array
    bias: Array | None
    index: Array | None  # type: ignore[assignment]  # hides tuple.index
    dtype: np.dtype[Any]
    give_back: GiveBack | None
    uniform: bool
    library: str | None = "numpy"
    stored: str | None = None

    def named(self) -> dict[str, Array]:
        """The operands by name."""
        return dict(zip(self._fields[:5], self[:5], strict=True))


def take(verb: str, x1: Array, x2: Array, weight: Array, bias: Array | None, index: Array | None) -> Operands:
    """Return the operands as arrays; raise where an operand's kind or dtype cannot be used."""
    dtype = getattr(x1, "dtype", None)
    if (  # the common case in one look: everything else costs microseconds more
        type(x1) is type(x2) is type(weight) is np.ndarray
        and dtype in FLOATS
        and x2.dtype == dtype
        and weight.dtype == dtype
        and (bias is None or (type(bias) is np.ndarray and bias.dtype == dtype))
        and index is None
    ):
        return Operands(x1, x2, weight, bias, None, dtype, None, True)
    given = {"x1": x1, "x2": x2, "weight": weight, "bias": bias}
    if forgotten := [f"{name} is None: an array is needed" for name in ("x1", "x2", "weight") if given[name] is None]:
        raise DTypeError(report(f"{verb}: operands do not fit", forgotten, given))
    arrays, give_back = as_arrays(verb, given | {"index": index})
    index = arrays.pop("index")
    dtype = common_dtype(verb, arrays)
    chosen = as_index(verb, index, arrays)
    return gathered(arrays, chosen, dtype, give_back)


def gathered(
    arrays: Mapping[str, Array], index: Array | None, dtype: np.dtype[Any], give_back: GiveBack | None
) -> Operands:
    """The operands, with their fields by name."""
    to_compute_in = computed_in(dtype)
    uniform = all(a is None or a.dtype == to_compute_in for a in arrays.values())
    stored = (
        dtype.name if dtype != to_compute_in and all(a is None or a.dtype == dtype for a in arrays.values()) else None
    )
    library = library_of(arrays["x1"])
    return Operands(
        **arrays, index=index, dtype=dtype, give_back=give_back, uniform=uniform, library=library, stored=stored
    )


def library_of(array: Array) -> str:
    """The name of the library of an operand that has come through the door."""
    return "cupy" if is_cupy(array) else "numpy"


@lru_cache(maxsize=64)
def computed_in(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype to compute in for a y of ``dtype``: half floats are for storage."""
    return np.dtype(np.float32) if dtype.name in _HALVES else dtype


def common_dtype(verb: str, arrays: Mapping[str, Array]) -> np.dtype[Any]:
    """The dtype NumPy promotes the operands to; DTypeError unless all are numbers that can be computed with."""
    found = _promoted(tuple(a.dtype for a in arrays.values() if a is not None))
    if found is not None:
        return found
    faults = [
        f"{name} has dtype {a.dtype}; expected float32, float64, float16, bfloat16 or integers{_remedy(a.dtype)}"
        for name, a in arrays.items()
        if a is not None and not _is_number(a.dtype)
    ] or ["NumPy has no common dtype for these: cast them to one"]
    raise DTypeError(report(f"{verb}: operands do not fit", faults, arrays))


@lru_cache(maxsize=256)
def _promoted(dtypes: tuple[np.dtype[Any], ...]) -> np.dtype[Any] | None:
    """What NumPy promotes these to; None where one is no number, or there is no such dtype."""
    if not all(map(_is_number, dtypes)):
        return None
    try:
        return np.result_type(*dtypes).newbyteorder("=")
    except DTypePromotionError:
        return None


def _is_number(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "iu" or dtype.newbyteorder("=") in FLOATS or dtype.name in _HALVES


def _remedy(dtype: np.dtype[Any]) -> str:
    return ": cast to float32 or float64" if dtype.kind in "fV" else ""


def as_index(verb: str, index: Any, operands: Mapping[str, Array]) -> Array | None:
    """``index`` as an int64 array, within the range of the weight where that has one."""
    if index is None:
        return None
    found = as_arrays(verb, {"index": index})[0]["index"]
    if found.size == 0 and not isinstance(index, np.ndarray):
        return found.astype(np.int64)  # an empty list has no dtype of its own
    if found.dtype.kind not in "iu":
        fault = f"index has dtype {found.dtype}, expected integers"
        raise DTypeError(report(f"{verb}: operands do not fit", [fault], {"index": found}))
    weight = operands["weight"]
    if weight.ndim >= 3 and found.size and (found.min() < -len(weight) or found.max() >= len(weight)):
        count = len(weight)
        fault = f"index reaches from {found.min()} to {found.max()}, expected -{count} <= index < {count}"
        raise IndexRangeError(report(f"{verb}: index points outside the weight", [fault], {**operands, "index": found}))
    return found.astype(np.int64, copy=False)
