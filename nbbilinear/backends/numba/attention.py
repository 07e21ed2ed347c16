"""Softmax of scores along their last axis, around NumPy's own ``exp``, and its gradient: a row at a time, in cache.

Arrays are C-contiguous, (..., n), and of one float dtype; a chunk owns rows.
"""

from typing import Any

import numpy as np

from . import parallel
from .compiling import loops

Array = Any


def forward(scores: Array, scale: float, lowest: float, weights: Array) -> None:
    """weights[j,i] = e[j,i] / sum_i e[j,i] with e = exp(scale s[j,i] - max_i); 0 where the exponent is < lowest."""
    rows = (scores.reshape(-1, scores.shape[-1]), weights.reshape(-1, scores.shape[-1]))
    limits = np.array([scale, lowest], scores.dtype)
    chunk = parallel.chunk_size(len(rows[0]), 4 * scores.shape[-1])
    parallel.run(_shift, (*rows, limits), len(rows[0]), chunk)
    np.exp(weights, out=weights)
    parallel.run(_divide, (rows[1],), len(rows[0]), chunk)


def backward(grad_output: Array, weights: Array, scale: float, grad: Array) -> None:
    """grad[j,i] = scale weights[j,i] (g[j,i] - sum_i g[j,i] weights[j,i])."""
    rows = tuple(a.reshape(-1, weights.shape[-1]) for a in (grad_output, weights, grad))
    chunk = parallel.chunk_size(len(rows[0]), 5 * weights.shape[-1])
    parallel.run(_backward, (*rows, np.array([scale], weights.dtype)), len(rows[0]), chunk)


@loops
def _shift(scores: Array, shifted: Array, limits: Array, start: int, stop: int) -> None:
    scale, lowest = limits
    nothing = -np.inf
    for j in range(start, stop):
        top = scores[j, 0]
        for i in range(scores.shape[1]):
            top = max(top, scores[j, i])
        top = scale * top if top > nothing else scale * 0  # where nothing counts, all are 0 and not nan
        for i in range(scores.shape[1]):
            s = scale * scores[j, i] - top
            shifted[j, i] = nothing if s < lowest else s


@loops
def _divide(weights: Array, start: int, stop: int) -> None:
    zero, one = weights.dtype.type(0), weights.dtype.type(1)
    for j in range(start, stop):
        total = zero
        for i in range(weights.shape[1]):
            total += weights[j, i]
        factor = one / (total if total != zero else one)
        for i in range(weights.shape[1]):
            weights[j, i] *= factor


@loops
def _backward(g: Array, weights: Array, grad: Array, limits: Array, start: int, stop: int) -> None:
    zero, scale = grad.dtype.type(0), limits[0]
    for j in range(start, stop):
        along = zero
        for i in range(grad.shape[1]):
            along += g[j, i] * weights[j, i]
        for i in range(grad.shape[1]):
            grad[j, i] = scale * weights[j, i] * (g[j, i] - along)
