"""What heads are called with: rows, a context, a mask; checked, and in the dtype of the parameters."""

from typing import Any, NamedTuple

import numpy as np

from ..arrays import of_one_library
from ..errors import DTypeError, ShapeError, report

Array = Any
HALVES = ("float16", "bfloat16")


class Operands(NamedTuple):
    """What is attended with, in the dtype of the parameters.

    Attributes
    ----------
    queries : (b, m) array
    rows : (n, m) array
        The queries themselves where there is no context; zeros where a (rows,) mask is False, for both.
    mask : (rows,) or (b, rows) array of bool, or None
    apart : bool
        Whether there is a context, so that rows have a gradient of their own.
    dtype, context_dtype : numpy.dtype
        Of results and of the context's gradient.
    """

    queries: Array
    rows: Array
    mask: Array | None
    apart: bool
    dtype: np.dtype[Any]
    context_dtype: np.dtype[Any]


def operands_of(head: Any, x: Array, context: Array | None, mask: Array | None) -> Operands:
    """Return the operands of a call of a head, a layer or a stack.

    Raises
    ------
    ShapeError
        x or context is no (rows, m) array, or the mask is of neither (rows,) nor (b, rows).
    DTypeError
        x or context is not of real floats or integers, or the mask not of bool.
    BackendError
        They are of different libraries, or not where the parameters are.
    """
    owner, w = type(head).__name__, head.example
    alone = context is mask is head.row_count is None and type(x) is type(w) is np.ndarray
    if alone and x.dtype == w.dtype and x.ndim == 2 and x.shape[1] == head.m:  # nearly always: 8 µs less
        return Operands(x, x, None, False, w.dtype, w.dtype)
    given = {"x": x} | ({} if context is None else {"context": context}) | ({} if mask is None else {"mask": mask})
    arrays = of_one_library(owner, given | {"parameters": w})
    inputs: dict[str, Array] = {name: arrays[name] for name in ("x", "context") if name in arrays}
    _check_shapes(head, arrays, inputs)
    wrong = [f"{name} must be of real numbers" for name, array in inputs.items() if not _real(array)]
    if mask is not None and arrays["mask"].dtype != bool:
        wrong.append("mask must be of bool")
    if wrong:
        raise DTypeError(report(f"{owner}: operands cannot be used", wrong, arrays))
    kept = {name: a.dtype if a.dtype.name in HALVES else w.dtype for name, a in inputs.items()}
    cast = {name: a.astype(w.dtype, copy=False) for name, a in inputs.items()}
    queries, rows, shown = cast["x"], cast.get("context", cast["x"]), arrays.get("mask")
    if shown is not None and shown.ndim == 1:
        rows = np.where(shown[:, None], rows, w.dtype.type(0))
        queries = queries if context is not None else rows
    return Operands(queries, rows, shown, context is not None, kept["x"], kept.get("context", w.dtype))


def _check_shapes(head: Any, arrays: dict[str, Array], inputs: dict[str, Array]) -> None:
    faults = [f"{name} must be (rows, {head.m})" for name, a in inputs.items() if a.ndim != 2 or a.shape[1] != head.m]
    rows: Array = inputs.get("context", inputs["x"])
    if not faults and "mask" in arrays:
        allowed = [(len(rows),), (len(inputs["x"]), len(rows))]
        allowed = allowed[: 1 if head.row_count is not None or head.several else 2]
        if arrays["mask"].shape not in allowed:
            faults.append(f"mask must be {' or '.join(map(str, allowed))}")
    if not faults and head.row_count is not None and len(rows) != head.row_count:
        faults.append(f"{'context' if 'context' in inputs else 'x'} must have batch_num={head.row_count} rows")
    if faults:
        raise ShapeError(report(f"{type(head).__name__}: operands do not fit", faults, arrays))


def _real(array: Array) -> bool:
    return array.dtype.kind in "fiu" or array.dtype.name == "bfloat16"
