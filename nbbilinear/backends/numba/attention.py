"""What a softmax does before ``exp``, and its gradient: a row at a time, in cache.

Arrays are C-contiguous, (..., n), and of one float dtype; a chunk owns rows.
"""

from typing import Any

import numpy as np

from . import parallel
from .compiling import loops

Array = Any


def shifted(scores: Array, top: Array, scale: float, lowest: float, out: Array) -> None:
    """out[j,i] = scale (s[j,i] - top[j]); -inf where that is < lowest."""
    rows = tuple(a.reshape(-1, scores.shape[-1]) for a in (scores, out))
    chunk = parallel.chunk_size(len(rows[0]), 2 * scores.shape[-1])
    limits = np.array([scale, lowest], scores.dtype)
    parallel.run(_shifted, (rows[0], top.reshape(-1), rows[1], limits), len(rows[0]), chunk)


def backward(grad_output: Array, weights: Array, scale: float, grad: Array) -> None:
    """grad[j,i] = scale weights[j,i] (g[j,i] - sum_i g[j,i] weights[j,i])."""
    rows = tuple(a.reshape(-1, weights.shape[-1]) for a in (grad_output, weights, grad))
    chunk = parallel.chunk_size(len(rows[0]), 5 * weights.shape[-1])
    parallel.run(_backward, (*rows, np.array([scale], weights.dtype)), len(rows[0]), chunk)


@loops
def _shifted(scores: Array, top: Array, out: Array, limits: Array, start: int, stop: int) -> None:
    scale, lowest = limits
    nothing = -np.inf
    for j in range(start, stop):
        # The maximum is NumPy's: a loop for it does not vectorise, and took two thirds of the softmax.
        for i in range(scores.shape[1]):
            s = scale * (scores[j, i] - top[j])
            out[j, i] = nothing if s < lowest else s


@loops
def _backward(g: Array, weights: Array, grad: Array, limits: Array, start: int, stop: int) -> None:
    zero, scale = grad.dtype.type(0), limits[0]
    for j in range(start, stop):
        along = zero
        for i in range(grad.shape[1]):
            along += g[j, i] * weights[j, i]
        for i in range(grad.shape[1]):
            grad[j, i] = scale * weights[j, i] * (g[j, i] - along)
