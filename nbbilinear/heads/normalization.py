"""Normalisation of scores: softmax over the rows, over the queries, or both, without what is masked."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ..arrays import floats
from ..compiled import core_loops
from ..config import current
from ..errors import ConfigError, ShapeError, report
from ..layers.layer import gradient_of
from ..scalars import number

Array = Any
Pullback = Callable[[Array], Array]


def column(scores: Array, scale: float, mask: Array | None) -> tuple[Array, Pullback]:
    """Softmax over the rows: what a query takes from all rows sums to 1."""
    return _softmax(scores, scale, mask, axis=2)


def row(scores: Array, scale: float, mask: Array | None) -> tuple[Array, Pullback]:
    """Softmax over the queries: what all queries take from a row sums to 1."""
    return _softmax(scores, scale, mask, axis=1)


def row_column(scores: Array, scale: float, mask: Array | None) -> tuple[Array, Pullback]:
    """Softmax over the queries, and of that, unscaled, over the rows."""
    between, back = _softmax(scores, scale, mask, axis=1)
    weights, back_again = _softmax(between, 1.0, mask, axis=2)
    return weights, lambda grad: back(back_again(grad))


MODES = {"column": column, "row": row, "row_column": row_column}


def normalize(
    scores: Array, mode: str = "column", *, scale: float = 1.0, mask: Array | None = None
) -> tuple[Array, Pullback]:
    """Weights from scores, and their gradient.

    Parameters
    ----------
    scores : (channels, b, n) float array
        As :func:`nbbilinear.heads.interdependence` gives them: of each query with every row.
    mode : {"column", "row", "row_column"}, optional
        Over what the weights sum to 1: over the rows of a query (a column of tinyBIG's matrix, which is the
        transpose), over the queries of a row, or over first one, then the other.
    scale : float, optional
        What scores are multiplied with before the first softmax.
    mask : bool array that broadcasts to (channels, b, n), optional
        True where a score counts. What is masked has weight 0 and takes no part; a sum over nothing is 0.

    Returns
    -------
    weights : (channels, b, n) array
    pullback : callable
        From the gradient of the weights to that of the scores.

    Raises
    ------
    ConfigError
        There is no such mode, or the scale is not positive.
    ShapeError, DTypeError
        Scores are no (channels, b, n) array, or not of float32 or float64.

    Notes
    -----
    The largest score is subtracted first. What is less than the root of the smallest normal number (1.1e-19 in float32,
    1.5e-154 in float64) of the largest is 0. That is far below the rounding of a sum of 1, and numbers too small for
    fast arithmetic, which make a matrix product several times slower, do not arise, nor in the gradient. Five passes
    and one ``exp``; large arrays on the processor go through compiled loops, three passes.
    Source: ``operator_based_normalize_matrix`` of tinyBIG 0.2.1, where ``row-column`` still counts masked scores in
    the second sum.

    Examples
    --------
    >>> weights, _ = normalize(np.log([[[1.0, 3.0], [1.0, 1.0]]]))
    >>> weights
    array([[[0.25, 0.75],
            [0.5 , 0.5 ]]])
    >>> normalize(np.zeros((1, 2, 2)), mask=np.array([True, False]))[0]
    array([[[1., 0.],
            [1., 0.]]])
    """
    if not isinstance(mode, str) or mode not in MODES:
        raise ConfigError(f"normalize: mode must be one of {', '.join(MODES)}, got {mode!r}")
    if not number("normalize: scale", scale):
        raise ConfigError(f"normalize: scale must be a finite number > 0, got {scale!r}")
    scores = floats("normalize", {"scores": scores})["scores"]
    if scores.ndim != 3:
        raise ShapeError(report("normalize: no scores", ["scores must be (channels, b, n)"], {"scores": scores}))
    weights, pull = MODES[mode](scores, scale, mask)
    return weights, lambda grad: pull(gradient_of("normalize", grad, weights.shape, weights))


def _softmax(scores: Array, scale: float, mask: Array | None, axis: int) -> tuple[Array, Pullback]:
    """exp(scale s) over its sum along an axis, and its gradient from the weights alone."""
    if mask is not None:
        scores = np.where(mask, scores, scores.dtype.type(-np.inf))
    weights = _exponentials(scores, scale, axis)
    if weights.size:
        total = weights.sum(axis=axis, keepdims=True)
        np.putmask(total, total == 0, 1)  # a sum over nothing is 0
        weights /= total

    def pullback(grad: Array) -> Array:
        loops = _loops(weights, grad) if axis == 2 else None
        if loops:
            found = np.empty_like(weights)
            loops.backward(grad, weights, scale, found)
            return found
        found = grad * weights
        found -= found.sum(axis=axis, keepdims=True) * weights
        found *= scale
        return found

    return weights, pullback


def _exponentials(scores: Array, scale: float, axis: int) -> Array:
    """exp(scale (s - max)), 0 where that is too small; all 0 where there are none but -inf."""
    if not scores.size:
        return scores.copy()
    top = scores.max(axis=axis, keepdims=True)
    np.putmask(top, top == -np.inf, 0)
    loops = _loops(scores) if axis == 2 else None
    if loops:
        weights = np.empty_like(scores)
        loops.shifted(scores, top, scale, _lowest(scores.dtype), weights)
    else:
        weights = scores - top
        weights *= scale
        np.putmask(weights, weights < _lowest(weights.dtype), -np.inf)
    return np.exp(weights, out=weights)


@lru_cache(maxsize=8)
def _lowest(dtype: np.dtype[Any]) -> float:
    """The exponent below which an exponential counts as 0."""
    return 0.5 * math.log(np.finfo(dtype).tiny)


def _loops(scores: Array, *others: Array) -> Any:
    if not (isinstance(scores, np.ndarray) and scores.size):
        return None
    return core_loops("attention", current().backend, scores.size, scores, *others)
