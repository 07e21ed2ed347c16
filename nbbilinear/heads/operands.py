"""What a head is called with: rows, a context, a mask; checked, and in the dtype of the parameters."""

from typing import Any, NamedTuple

import numpy as np

from ..arrays import of_one_library
from ..errors import DTypeError, ShapeError, report

Array = Any
HALVES = ("float16", "bfloat16")


class Operands(NamedTuple):
    """Queries and rows in the parameters' dtype, the mask, and the dtype of results."""

    queries: Array
    rows: Array
    mask: Array | None
    dtype: np.dtype[Any]


def operands_of(head: Any, x: Array, context: Array | None, mask: Array | None) -> Operands:
    """Return the operands of a call; rows are the queries themselves where there is no context.

    Raises
    ------
    ShapeError
        x or context is no (rows, m) array, or the mask is of neither (rows,) nor (b, rows).
    DTypeError
        x or context is not of real floats or integers, or the mask not of bool.
    BackendError
        They are of different libraries, or not where the parameters are.
    """
    owner, w = type(head).__name__, head.w.data
    alone = context is mask is head.batch_num is None and type(x) is type(w) is np.ndarray
    if alone and x.dtype == w.dtype and x.ndim == 2 and x.shape[1] == head.m:  # nearly always: 8 µs less
        return Operands(x, x, None, w.dtype)
    given = {"x": x} | ({} if context is None else {"context": context}) | ({} if mask is None else {"mask": mask})
    arrays = of_one_library(owner, given | {"w": w})
    rows: Array = arrays.get("context", arrays["x"])
    faults = [
        f"{name} must be (rows, {head.m})"
        for name in ("x", "context")
        if name in arrays and (arrays[name].ndim != 2 or arrays[name].shape[1] != head.m)
    ]
    if not faults and mask is not None:
        allowed = ((len(rows),), (len(arrays["x"]), len(rows)))
        faults += [f"mask must be {allowed[0]} or {allowed[1]}"] if arrays["mask"].shape not in allowed else []
    if not faults and head.batch_num is not None and len(rows) != head.batch_num:
        faults.append(f"{'x' if context is None else 'context'} must have batch_num={head.batch_num} rows")
    if faults:
        raise ShapeError(report(f"{owner}: operands do not fit", faults, arrays))
    inputs = {name: arrays[name] for name in ("x", "context") if name in arrays}
    wrong = [f"{name} must be of real numbers" for name, array in inputs.items() if not _real(array)]
    if mask is not None and arrays["mask"].dtype != bool:
        wrong.append("mask must be of bool")
    if wrong:
        raise DTypeError(report(f"{owner}: operands cannot be used", wrong, arrays))
    kept = arrays["x"].dtype if arrays["x"].dtype.name in HALVES else w.dtype
    queries = arrays["x"].astype(w.dtype, copy=False)
    return Operands(queries, queries if context is None else rows.astype(w.dtype, copy=False), arrays.get("mask"), kept)


def _real(array: Array) -> bool:
    return array.dtype.kind in "fiu" or array.dtype.name == "bfloat16"
