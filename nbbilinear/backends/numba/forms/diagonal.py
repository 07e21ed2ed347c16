"""Diagonal matrices: rows multiplied and summed at once for few outputs, else mixed by the weight from the caches."""

from typing import Any

import numpy as np

from ....axes import Shape
from .. import diagonal
from ..simd.machine import compiler_if_any
from . import mixed

Array = Any
FEW = 4  # 4096x128 in float32: loops 0.15 ms for one output and 0.23 for 4, panels 0.21 and 0.24
FEW_BACKWARD = 1  # the same back: 2 ms in blocks for 64 outputs of 1024x512, which loops take 10 for
BLOCK_BYTES = 1 << 18  # of products of rows, backward
MOST = 256  # 1024x512 in float32: NumPy by hand takes 1.17 times as long for 256, 0.96 for 512


def takes(rows: int, shapes: tuple[Shape, ...], dtype: Any) -> bool:
    """Whether a row's outputs are few, or two panels of rows are full."""
    ((outputs, features),) = shapes
    if outputs <= FEW:
        return True
    compiled = compiler_if_any(dtype)
    return compiled is not None and rows >= 2 * compiled.lanes and outputs <= MOST and features > 0


def forward(x1: Array, x2: Array, weight: Array, out: Array) -> None:
    """out[b,k] = sum_i weight[k,i] x1[b,i] x2[b,i]."""
    if len(weight) <= FEW:
        diagonal.forward(x1[:, None], x2[:, None], weight[None], None, out)
    else:
        mixed.forward(x1, x2, None, None, weight, out)


def backward(
    grad_output: Array, x1: Array, x2: Array, weight: Array, dx1: Array, dx2: Array, dweight: Array
) -> None:  # fmt: skip
    """dx1[b,i] = x2[b,i] sum_k g w; dx2[b,i] = x1[b,i] sum_k g w; dweight[k,i] = sum_b g x1 x2. In blocks of rows."""
    dweight[...] = 0
    if len(weight) <= FEW_BACKWARD:
        rows = (x1[:, None], x2[:, None], weight[None], None, dx1[:, None], dx2[:, None], dweight[None])
        diagonal.backward(grad_output, *rows)
        return
    step = max(1, BLOCK_BYTES // (x1.itemsize * x1.shape[1]))
    mixed, part = np.empty((min(step, len(x1)), x1.shape[1]), x1.dtype), np.empty_like(dweight)
    for first in range(0, len(x1), step):
        some = slice(first, first + step)
        g, u, v = grad_output[some], x1[some], x2[some]
        here = np.matmul(g, weight, out=mixed[: len(g)])
        np.multiply(here, v, out=dx1[some])
        np.multiply(here, u, out=dx2[some])
        dweight += np.matmul(g.T, np.multiply(u, v, out=here), out=part)
