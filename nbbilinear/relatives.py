"""The bilinear product's near relatives: every row with every row, and a row with itself."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from .errors import ConfigError, ShapeError, report
from .functional import BilinearGrads, bilinear, bilinear_backward

Array = Any


class QuadraticGrads(NamedTuple):
    """Gradients of the operands of :func:`quadratic`; None where one is not wanted."""

    x: Array | None = None
    weight: Array | None = None
    bias: Array | None = None


def bilinear_pairs(
    x1: Array,
    x2: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    index: Array | None = None,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    """Every row of x1 with every row of x2, ``y[n,m,k] = x1[n]' W[k] x2[m] + bias[k]``.

    Parameters
    ----------
    x1 : (..., n, in1) array
    x2 : (..., m, in2) array
        Axes before the last two broadcast.
    weight, bias, index, out, backend
        As in :func:`nbbilinear.bilinear`, for leading axes ``(..., n, m)``.

    Returns
    -------
    (..., n, m, out) array

    Raises
    ------
    ShapeError, DTypeError, IndexRangeError, BackendError
        As :func:`nbbilinear.bilinear`.

    Notes
    -----
    ``2 m out in1 in2 + 2 n m out in1`` flop, or the same with n and m, in1 and in2 exchanged, whichever is less: two
    matrix products, the second straight into y. Source: the all-pairs scorer of biaffine parsers
    (Dozat and Manning 2017), ``AllenNLP BilinearMatrixAttention``.

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> nbl.bilinear_pairs(np.eye(2), np.eye(3), np.arange(6.0).reshape(2, 3))
    array([[0., 1., 2.],
           [3., 4., 5.]])
    """
    x1, x2 = _against(x1, x2, "bilinear_pairs")
    return bilinear(x1, x2, weight, bias, index=index, out=out, backend=backend)


def bilinear_pairs_backward(
    grad_output: Array,
    x1: Array,
    x2: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    index: Array | None = None,
    wrt: Iterable[str] | None = None,
    backend: str | None = None,
) -> BilinearGrads:
    """Gradients of :func:`bilinear_pairs` from ``grad_output = dL/dy``, (..., n, m, out).

    Parameters, errors and result are those of :func:`nbbilinear.bilinear_backward`; gradients have the shapes of x1,
    x2, weight and bias. Two large matrix products and three small ones.

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> nbl.bilinear_pairs_backward(np.ones((2, 3)), np.eye(2), np.eye(3), np.ones((2, 3)), wrt=["x1"]).x1
    array([[3., 3.],
           [3., 3.]])
    """
    x1, x2 = _against(x1, x2, "bilinear_pairs_backward")
    found = bilinear_backward(grad_output, x1, x2, weight, bias, index=index, wrt=wrt, backend=backend)
    return found._replace(
        x1=None if found.x1 is None else found.x1[..., 0, :],
        x2=None if found.x2 is None else found.x2[..., 0, :, :],
    )


def quadratic(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    index: Array | None = None,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    """Quadratic forms, ``y[b,k] = x[b]' W[k] x[b] + bias[k]``: :func:`nbbilinear.bilinear` of x with itself.

    Parameters
    ----------
    x : (..., features) array
    weight : (out, features, features) array
        Need not be symmetric; only its symmetric part shows in y.
    bias, index, out, backend
        As in :func:`nbbilinear.bilinear`, whose errors and cost these are too.

    Returns
    -------
    (..., out) array

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> nbl.quadratic(np.array([[3.0, 4.0]]), np.eye(2))
    array([25.])
    """
    return bilinear(x, x, weight, bias, index=index, out=out, backend=backend)


def quadratic_backward(
    grad_output: Array,
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    index: Array | None = None,
    wrt: Iterable[str] | None = None,
    backend: str | None = None,
) -> QuadraticGrads:
    """Gradients of :func:`quadratic`: ``dx[b] = sum_k g[b,k] (W[k] + W[k]') x[b]``, and those of weight and bias.

    ``wrt`` names operands of ``"x", "weight", "bias"``; other parameters, errors and cost are those of
    :func:`nbbilinear.bilinear_backward`.

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> nbl.quadratic_backward(np.ones(1), np.array([[3.0, 4.0]]), np.eye(2)).x
    array([[6., 8.]])
    """
    given = {"x": x, "weight": weight, "bias": bias}
    wanted = {name for name, a in given.items() if a is not None} if wrt is None else set(wrt)
    if unknown := sorted(wanted - set(given)):
        raise ConfigError(f"quadratic_backward: wrt names {', '.join(unknown)}, but the operands are x, weight, bias")
    both = (wanted - {"x"}) | ({"x1", "x2"} if "x" in wanted else set())
    found = bilinear_backward(grad_output, x, x, weight, bias, index=index, wrt=both, backend=backend)
    dx = found.x1
    if dx is not None:
        dx += found.x2
    return QuadraticGrads(dx, found.weight, found.bias)


def _against(x1: Array, x2: Array, verb: str) -> tuple[Array, Array]:
    """x1 with an axis for the rows of x2 before its features, and x2 with one for the rows of x1."""
    x1, x2 = (x if hasattr(x, "ndim") else np.asarray(x) for x in (x1, x2))
    short = [f"{name} needs a rows axis and a features axis" for name, x in (("x1", x1), ("x2", x2)) if x.ndim < 2]
    if short:
        raise ShapeError(report(f"{verb}: operands do not fit", short, {"x1": x1, "x2": x2}))
    return x1[..., :, None, :], x2[..., None, :, :]
