"""Normalisations that pooled products are given: signed square root, unit length."""

from typing import Any

import numpy as np

from ..arrays import floats
from ..errors import ShapeError, report

Array = Any


def signed_sqrt(x: Array) -> Array:
    """Return ``sign(x) sqrt(|x|)`` of an array of floats.

    Raises
    ------
    DTypeError, BackendError
        ``x`` is not of float32 or float64, or of another library.

    Notes
    -----
    Source: the power normalisation of bilinear CNNs (Lin et al. 2015) and MFB.

    Examples
    --------
    >>> signed_sqrt(np.array([-4.0, 0.0, 9.0]))
    array([-2.,  0.,  3.])
    """
    x = floats("signed_sqrt", {"x": x})["x"]
    y: Array = np.copysign(np.sqrt(abs(x)), x)
    return y


def signed_sqrt_backward(grad_output: Array, y: Array) -> Array:
    """Return the gradient of x, ``g / (2 |y|)``, from the result y; 0 where y is 0, where it would be infinite.

    Raises
    ------
    ShapeError
        ``grad_output`` and y differ in shape.
    DTypeError, BackendError
        As :func:`signed_sqrt`.

    Examples
    --------
    >>> signed_sqrt_backward(np.ones(3), np.array([-2.0, 0.0, 3.0]))
    array([0.25      , 0.        , 0.16666667])
    """
    given = _of_one_shape("signed_sqrt_backward", {"grad_output": grad_output, "y": y})
    g, y = given["grad_output"], given["y"]
    zero = y == 0
    found: Array = np.where(zero, 0, g / np.where(zero, 1, 2 * abs(y))).astype(y.dtype, copy=False)
    return found


def l2_normalize(x: Array, *, axis: int = -1, eps: float = 1e-12) -> Array:
    """Return ``x / max(|x|, eps)``, norms along an axis. Errors as :func:`signed_sqrt`.

    Notes
    -----
    Source: ``torch.nn.functional.normalize``. Norms of very large or small numbers may overflow or vanish, as there.

    Examples
    --------
    >>> l2_normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    x = floats("l2_normalize", {"x": x})["x"]
    y: Array = x / np.maximum(np.sqrt((x * x).sum(axis=axis, keepdims=True)), eps)
    return y


def l2_normalize_backward(grad_output: Array, x: Array, *, axis: int = -1, eps: float = 1e-12) -> Array:
    """Return the gradient of x, ``(g - y (g . y)) / |x|``; ``g / eps`` where the norm is below eps.

    Raises
    ------
    ShapeError, DTypeError, BackendError
        As :func:`signed_sqrt_backward`.

    Examples
    --------
    >>> l2_normalize_backward(np.array([[1.0, 0.0]]), np.array([[3.0, 4.0]]))
    array([[ 0.128, -0.096]])
    """
    given = _of_one_shape("l2_normalize_backward", {"grad_output": grad_output, "x": x})
    g, x = given["grad_output"], given["x"]
    norm = np.sqrt((x * x).sum(axis=axis, keepdims=True))
    y = x / np.maximum(norm, eps)
    along = np.where(norm > eps, (g * y).sum(axis=axis, keepdims=True), 0)
    found: Array = ((g - y * along) / np.maximum(norm, eps)).astype(x.dtype, copy=False)
    return found


def _of_one_shape(verb: str, given: dict[str, Array]) -> dict[str, Array]:
    arrays = floats(verb, given)
    if len({a.shape for a in arrays.values()}) > 1:
        raise ShapeError(report(f"{verb}: operands do not fit", ["expected one shape"], arrays))
    return arrays
