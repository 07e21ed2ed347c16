"""The bilinear product's near relatives: every row with every row, and a row with itself."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from .errors import ConfigError, DTypeError, ShapeError, report
from .execute import BilinearGrads
from .forms import Form, calls_for
from .kinds import as_arrays, is_foreign

Array = Any


class QuadraticGrads(NamedTuple):
    """Gradients of the operands of :func:`quadratic`; None where one is not wanted."""

    x: Array | None = None
    weight: Array | None = None
    bias: Array | None = None


def bilinear_pairs(
    x1: Array,
    x2: Array,
    weight: Array | Form,
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
    x1, x2 = _against("bilinear_pairs", x1, x2)
    return calls_for(weight).forward("bilinear_pairs", x1, x2, weight, bias, index, out, backend)


def bilinear_pairs_backward(
    grad_output: Array,
    x1: Array,
    x2: Array,
    weight: Array | Form,
    bias: Array | None = None,
    *,
    index: Array | None = None,
    wrt: Iterable[str] | None = None,
    out: BilinearGrads | None = None,
    accumulate: bool = False,
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
    verb = "bilinear_pairs_backward"
    x1, x2 = _against(verb, x1, x2)
    if isinstance(out, BilinearGrads):
        out = out._replace(
            x1=None if out.x1 is None else out.x1[..., :, None, :],
            x2=None if out.x2 is None else out.x2[..., None, :, :],
        )
    found = calls_for(weight).backward(verb, grad_output, x1, x2, weight, bias, index, wrt, out, accumulate, backend)
    return found._replace(
        x1=None if found.x1 is None else found.x1[..., 0, :],
        x2=None if found.x2 is None else found.x2[..., 0, :, :],
    )


def quadratic(
    x: Array,
    weight: Array | Form,
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
    _check_square("quadratic", x, weight, bias)
    return calls_for(weight).forward("quadratic", x, x, weight, bias, index, out, backend)


def quadratic_backward(
    grad_output: Array,
    x: Array,
    weight: Array | Form,
    bias: Array | None = None,
    *,
    index: Array | None = None,
    wrt: Iterable[str] | None = None,
    out: QuadraticGrads | None = None,
    accumulate: bool = False,
    backend: str | None = None,
) -> QuadraticGrads:
    """Gradients of :func:`quadratic`: ``dx[b] = sum_k g[b,k] (W[k] + W[k]') x[b]``, and those of weight and bias.

    ``wrt`` names operands of ``"x", "weight", "bias"`` and ``out`` is QuadraticGrads; other parameters, errors and cost
    are those of :func:`nbbilinear.bilinear_backward`, and one array of x's size beside.

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> nbl.quadratic_backward(np.ones(1), np.array([[3.0, 4.0]]), np.eye(2)).x
    array([[6., 8.]])
    """
    verb = "quadratic_backward"
    _check_square(verb, x, weight, bias)
    given = {"x": x, "weight": weight, "bias": bias}
    names = tuple(name for name, a in given.items() if a is not None)
    asked = names if wrt is None else (wrt,) if isinstance(wrt, str) else tuple(wrt)
    if absent := [name for name in asked if name not in names]:
        wrong = ", ".join(map(repr, absent))
        raise ConfigError(f"{verb}: wrt names {wrong}, but the operands are {', '.join(names)}")
    if not isinstance(out, QuadraticGrads | None):
        raise DTypeError(f"{verb}: out must be QuadraticGrads(x=..., ...) of arrays, got {type(out).__name__}")
    dx, dweight, dbias = out or QuadraticGrads()
    both = {"x1", "x2"} if "x" in asked else set()
    some = None if wrt is None else both | set(asked) - {"x"}
    filled = None if out is None else BilinearGrads(dx, None, dweight, dbias)
    found = calls_for(weight).backward(verb, grad_output, x, x, weight, bias, index, some, filled, accumulate, backend)
    if found.x1 is not None:
        found.x1[...] += found.x2
    return QuadraticGrads(found.x1, found.weight, found.bias)


def _against(verb: str, x1: Array, x2: Array) -> tuple[Array, Array]:
    """x1 with an axis for the rows of x2 before its features, and x2 with one for the rows of x1."""
    given = {"x1": x1, "x2": x2}
    foreign = {name: x for name, x in given.items() if is_foreign(x)}
    own = as_arrays(verb, {name: x for name, x in given.items() if name not in foreign})[0]
    arrays = {name: own[name] if name in own else foreign[name] for name in given}
    short = [f"{name} needs a rows axis and a features axis" for name, x in arrays.items() if x is None or x.ndim < 2]
    if short:
        raise ShapeError(report(f"{verb}: operands do not fit", short, arrays))
    return arrays["x1"][..., :, None, :], arrays["x2"][..., None, :, :]


def _shape(operand: Array) -> tuple[int, ...]:
    return tuple(operand.shape) if hasattr(operand, "shape") else np.shape(operand)


def _check_square(verb: str, x: Array, weight: Array, bias: Array | None) -> None:
    """Refuse in the words of one operand what would else be told of x1 and x2."""
    features, sides = _shape(x)[-1:], _shape(weight)[-2:]
    if x is not None and len(sides) == 2 and sides != features * 2:
        fault = f"weight must end in two axes of x's features {features}, got {sides}"
        raise ShapeError(report(f"{verb}: operands do not fit", [fault], {"x": x, "weight": weight, "bias": bias}))
