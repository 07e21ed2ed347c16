"""Diagonal matrices: rows multiplied and summed at once for few outputs, else mixed by the weight from the caches."""

from typing import Any

from ....axes import Shape
from .. import diagonal
from ..simd.machine import compiler, host
from . import mixed

Array = Any
FEW = 4  # 4096x128 in float32: loops 0.15 ms for one output and 0.23 for 4, panels 0.21 and 0.24
MOST = 256  # 1024x512 in float32: NumPy by hand takes 1.17 times as long for 256, 0.96 for 512


def takes(rows: int, shapes: tuple[Shape, ...], dtype: Any) -> bool:
    """Whether a row's outputs are few, or two panels of rows are full."""
    ((outputs, features),) = shapes
    if outputs <= FEW:
        return True
    return host() is not None and rows >= 2 * compiler(dtype).lanes and outputs <= MOST and features > 0


def forward(x1: Array, x2: Array, weight: Array, out: Array) -> None:
    """out[b,k] = sum_i weight[k,i] x1[b,i] x2[b,i]."""
    if len(weight) <= FEW:
        diagonal.forward(x1[:, None], x2[:, None], weight[None], None, out)
    else:
        mixed.forward(x1, x2, None, None, weight, out)
