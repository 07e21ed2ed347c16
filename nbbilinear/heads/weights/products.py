"""The two ways in which two small matrices make a large one."""

from typing import Any

Array = Any


def product(u: Array, v: Array, layout: str) -> Array:
    """Return F (channels, p s, q t) of U (channels, p, q) and V (channels, s, t).

    Examples
    --------
    >>> import numpy as np
    >>> u, v = np.array([[[1.0, 2.0]]]), np.array([[[1.0, 10.0], [100.0, 1000.0]]])
    >>> product(u, v, "kronecker")[0]
    array([[1.e+00, 1.e+01, 2.e+00, 2.e+01],
           [1.e+02, 1.e+03, 2.e+02, 2.e+03]])
    >>> product(u, v, "tinybig")[0]
    array([[1.e+00, 1.e+01, 1.e+02, 1.e+03],
           [2.e+00, 2.e+01, 2.e+02, 2.e+03]])
    """
    (channels, p, q), (_, s, t) = u.shape, v.shape
    if layout == "kronecker":
        whole = u[:, :, None, :, None] * v[:, None, :, None, :]
    else:
        whole = u[:, :, :, None, None] * v[:, None, None]
    return whole.reshape(channels, p * s, q * t)


def product_backward(grad: Array, u: Array, v: Array, layout: str) -> tuple[Array, Array]:
    """Return the gradients of U and V, each the sum of the gradient with the other."""
    (channels, p, q), (_, s, t) = u.shape, v.shape
    if layout == "kronecker":
        outer = grad.reshape(channels, p, s, q, t).swapaxes(2, 3).reshape(channels, p * q, s * t)
    else:
        outer = grad.reshape(channels, p * q, s * t)
    du = outer @ v.reshape(channels, s * t, 1)
    dv = u.reshape(channels, 1, p * q) @ outer
    return du.reshape(u.shape), dv.reshape(v.shape)
