"""CP: both maps in registers, their product mixed by c from the caches."""

from typing import Any

from ....axes import Shape
from ..simd.machine import compiler_if_any
from . import mixed

Array = Any
MAPS_BYTES = 1 << 20  # packed; BLAS blocks larger ones better


def takes(rows: int, shapes: tuple[Shape, ...], dtype: Any) -> bool:
    """Whether two panels of rows are full, and the maps stay in the second-level cache."""
    (in1, rank), (in2, _), (outputs, _) = shapes
    compiled = compiler_if_any(dtype)
    if compiled is None or not 0 < (in1 + in2) * rank * dtype.itemsize <= MAPS_BYTES:
        return False
    return rows >= 2 * compiled.lanes and outputs > 0


def forward(x1: Array, x2: Array, a: Array, b: Array, c: Array, out: Array) -> None:
    """out[b,k] = sum_r c[k,r] (sum_i x1[b,i] a[i,r]) (sum_j x2[b,j] b[j,r])."""
    mixed.forward(x1, x2, a, b, c, out)
