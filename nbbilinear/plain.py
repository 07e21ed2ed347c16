"""The short way of a call: NumPy's own arrays, as kernels take them. The long one takes longer than small sums."""

from typing import Any

import numpy as np

from .axes import Shape
from .execute import BilinearGrads, Choice
from .plan import at_once

Array = Any
_SINGLE, _DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


def forward(
    x1: Array, x2: Array, weight: Array, bias: Array | None, index: Array | None, backend: str | None
) -> Array | None:
    """Y; None where the operands have to go the long way."""
    if not are_plain(x1, x2, weight, bias, index):
        return None
    b, i = None if bias is None else bias.shape, None if index is None else index.shape
    choice = at_once(x1.shape, x2.shape, weight.shape, b, i, x1.dtype, (), backend)
    if choice is None or index is not None:
        return None if choice is None else run_forward(choice, x1, x2, weight, bias, index)
    y = np.empty((len(x1), len(weight)), x1.dtype)
    choice.kernel.forward(x1, x2, weight[None], None if bias is None else bias[None], None, y, choice.scratch())
    return y


def backward(
    grad_output: Array, x1: Array, x2: Array, weight: Array, bias: Array | None, index: Array | None,
    backend: str | None,
) -> BilinearGrads | None:  # fmt: skip
    """All gradients; None where the operands have to go the long way."""
    if not are_plain(x1, x2, weight, bias, index):
        return None
    choice = at_once(*shapes_of(x1, x2, weight, bias, index), x1.dtype, all_of(bias), backend)
    if choice is None or not is_gradient(grad_output, x1, weight, index):
        return None
    return run_backward(choice, grad_output, x1, x2, weight, bias, index)


def all_of(bias: Array | None) -> tuple[str, ...]:
    """The names of all operands with gradients."""
    return ("x1", "x2", "weight") if bias is None else ("x1", "x2", "weight", "bias")


def run_forward(
    choice: Choice, x1: Array, x2: Array, weight: Array, bias: Array | None, index: Array | None, **kept: Array
) -> Array:
    """Y of plain operands, by a kernel that takes them as they are; what it is to keep goes into ``kept``."""
    y = np.empty(_shape_of_y(x1, weight, index), x1.dtype)
    if index is None:
        w, b, out = weight[None], None if bias is None else bias[None], y
    else:
        w, b, out = _with_outputs(weight, bias, y)
    choice.kernel.forward(x1, x2, w, b, index, out, choice.scratch(), **kept)
    return y


def run_backward(
    choice: Choice, grad_output: Array, x1: Array, x2: Array, weight: Array, bias: Array | None, index: Array | None,
    **kept: Array,
) -> BilinearGrads:  # fmt: skip
    """All gradients of plain operands, by a kernel that takes them as they are; its forward may have ``kept``."""
    dx1, dx2 = np.empty_like(x1), np.empty_like(x2)
    dweight = choice.backend.empty(weight.shape, weight.dtype)  # which may be large, and then wants to lie well
    dbias = None if bias is None else np.empty_like(bias)
    if index is None:
        w, dw, db = weight[None], dweight[None], None if dbias is None else dbias[None]
    else:
        (w, *_), (dw, db, grad_output) = _with_outputs(weight, None, dx1), _with_outputs(dweight, dbias, grad_output)
    choice.kernel.backward(grad_output, x1, x2, w, index, dx1, dx2, dw, db, choice.scratch(), False, **kept)
    return BilinearGrads(dx1, dx2, dweight, dbias)


def _with_outputs(weight: Array, bias: Array | None, y: Array) -> tuple[Array, Array | None, Array]:
    """Weights that are chosen, their bias and y: where these have no axis of outputs, with one."""
    if weight.ndim == 4:
        return weight, bias, y
    return weight[:, None], None if bias is None else bias[:, None], y[:, None]


def _shape_of_y(x1: Array, weight: Array, index: Array | None) -> Shape:
    """Of plain operands."""
    return (len(x1), len(weight)) if index is None else (len(x1), *weight.shape[1:-2])


def shapes_of(
    x1: Array, x2: Array, weight: Array, bias: Array | None, index: Array | None
) -> tuple[Shape, Shape, Shape, Shape | None, Shape | None]:
    """Their shapes, in the order of plans."""
    return (
        x1.shape, x2.shape, weight.shape, None if bias is None else bias.shape, None if index is None else index.shape
    )  # fmt: skip


def are_plain(x1: Array, x2: Array, weight: Array, bias: Array | None, index: Array | None) -> bool:
    """Whether these are NumPy's own arrays, of one float dtype, as kernels take them.

    Dtypes are compared as objects first, which is faster; arrays that were unpickled have a copy of one.
    """
    if not type(x1) is type(x2) is type(weight) is np.ndarray:
        return False
    dtype = x1.dtype
    return (
        (dtype is _SINGLE or dtype is _DOUBLE or dtype in (_SINGLE, _DOUBLE))
        and (x2.dtype is dtype or x2.dtype == dtype)
        and (weight.dtype is dtype or weight.dtype == dtype)
        and (x1.flags.carray and x2.flags.carray and weight.flags.carray)
        and (bias is None or (type(bias) is np.ndarray and bias.dtype == dtype and bias.flags.carray))
        and (index is None or _counts_weights(index, weight))
    )


def is_gradient(grad_output: Array, x1: Array, weight: Array, index: Array | None) -> bool:
    """Whether this is a gradient of y, as kernels take it."""
    return (
        type(grad_output) is np.ndarray
        and grad_output.dtype == x1.dtype
        and grad_output.shape == _shape_of_y(x1, weight, index)
        and grad_output.flags.carray
    )


def _counts_weights(index: Array, weight: Array) -> bool:
    """Whether an index is as kernels take it: numbers of weights, counted from the front."""
    if type(index) is not np.ndarray or index.dtype != np.int64 or not index.flags.carray:
        return False
    if index.size == 0 or weight.ndim < 3:
        return False
    return bool(index.view(np.uint64).max() < len(weight))  # one look: negative numbers are large then
