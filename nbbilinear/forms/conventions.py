"""Biaffine parameters as other libraries keep them."""

from typing import Any

import numpy as np

from ..errors import ShapeError, report
from .biaffine import Biaffine

Array = Any


def from_supar(
    weight: Array, *, bias_x: bool = True, bias_y: bool = True, scale: float = 0
) -> tuple[Biaffine, Array | None]:
    """Return a form and a bias that score as SuPar's ``Biaffine``.

    Parameters
    ----------
    weight : (out, in + bias_x, in + bias_y) array
        Its last row and column are for the ones that SuPar appends to its inputs.
    bias_x, bias_y : bool
        Whether it appends one to the first, to the second input.
    scale : float
        Scores are divided by ``in ** scale``; the form has that in its parameters.

    Returns
    -------
    form : Biaffine
    bias : (out,) array, or None
        The corner of the weight; None unless both inputs have a one.

    Raises
    ------
    ShapeError
        ``weight`` has another number of axes.

    Notes
    -----
    ``einsum("bxi,oij,byj->boxy", x, weight, y)`` there is ``bilinear_pairs(x, y, form, bias)`` here, with the outputs
    last. Its ``decompose`` is :class:`LowRank` of rank 1. Source: ``supar.modules.affine.Biaffine``.

    Examples
    --------
    >>> form, bias = from_supar(np.ones((1, 3, 3)))
    >>> form, bias
    (Biaffine(weight=(1, 2, 2), linear1=(1, 2), linear2=(1, 2), float64), array([1.]))
    """
    weight = np.asarray(weight)
    if weight.ndim != 3:
        raise ShapeError(report("from_supar: expected three axes, (out, in, in)", [], {"weight": weight}))
    in1, in2 = weight.shape[1] - bias_x, weight.shape[2] - bias_y
    scaled = weight if scale == 0 else weight / np.asarray(in1**scale, weight.dtype)
    linear1 = scaled[:, :in1, -1] if bias_y else None  # the one of the second input stands beside the first
    linear2 = scaled[:, -1, :in2] if bias_x else None
    return Biaffine(scaled[:, :in1, :in2], linear1, linear2), scaled[:, -1, -1] if bias_x and bias_y else None


def from_allennlp(
    weight: Array, bias: Array | None = None, *, use_input_biases: bool = False
) -> tuple[Biaffine, Array]:
    """Return a form and a bias that score as AllenNLP's ``BilinearMatrixAttention``.

    Parameters
    ----------
    weight : (in1, in2) or (labels, in1, in2) array
        Each in one larger where ``use_input_biases``.
    bias : (1,) array, optional
        Shared by all labels.
    use_input_biases : bool
        Whether it appends a one to both inputs.

    Returns
    -------
    form : Biaffine
        Without an out axis where ``weight`` has two axes: scores are then (batch, n, m), as there.
    bias : (labels,) array, or of no axes

    Notes
    -----
    Scores there are (batch, labels, n, m), here (batch, n, m, labels). Source:
    ``allennlp.modules.matrix_attention.BilinearMatrixAttention``.

    Examples
    --------
    >>> form, bias = from_allennlp(np.ones((2, 2)), np.array([0.5]))
    >>> form, float(bias)
    (Biaffine(weight=(2, 2), float64), 0.5)
    """
    weight = np.asarray(weight)
    constant = np.zeros(weight.shape[:-2], weight.dtype) if bias is None else np.asarray(bias).reshape(-1)[0]
    if use_input_biases:
        parts = Biaffine(weight[..., :-1, :-1], weight[..., :-1, -1], weight[..., -1, :-1])
        return parts, weight[..., -1, -1] + constant
    return Biaffine(weight), np.broadcast_to(constant, weight.shape[:-2])


def from_chainer(
    weight: Array, linear1: Array | None = None, linear2: Array | None = None, bias: Array | None = None
) -> tuple[Biaffine, Array | None]:
    """Return a form and a bias that compute as Chainer's ``bilinear(e1, e2, W, V1, V2, b)``.

    Parameters
    ----------
    weight : (in1, in2, out) array
    linear1, linear2 : (in1, out), (in2, out) arrays, optional
    bias : (out,) array, optional
        These three all or none, as there.

    Raises
    ------
    ShapeError
        Some of V1, V2 and b are given, and not all: a ValueError, as there.

    Notes
    -----
    Chainer flattens the inputs' axes after the first: reshape to (rows, features) for the same. Weights become
    (out, in1, in2) by a view. Source: ``chainer.functions.bilinear``.

    Examples
    --------
    >>> from_chainer(np.ones((2, 3, 4)))[0]
    Biaffine(weight=(4, 2, 3), float64)
    """
    rest = {"V1": linear1, "V2": linear2, "b": bias}
    absent = [name for name, a in rest.items() if a is None]
    if 0 < len(absent) < len(rest):
        fault = f"V1, V2 and b must be given together or not at all; missing {', '.join(absent)}"
        raise ShapeError(report("from_chainer: parameters do not fit", [fault], {"W": np.asarray(weight), **rest}))
    weights = np.moveaxis(np.asarray(weight), -1, 0)
    if absent:
        return Biaffine(weights), None
    return Biaffine(weights, np.asarray(linear1).T, np.asarray(linear2).T), np.asarray(bias)
