"""Pooling of bilinear features: compact products, and the normalisations that follow them."""

from .compact import CompactGrads, compact_bilinear, compact_bilinear_backward
from .normal import l2_normalize, l2_normalize_backward, signed_sqrt, signed_sqrt_backward
from .sketch import Sketch

__all__ = [
    "CompactGrads", "Sketch", "compact_bilinear", "compact_bilinear_backward", "l2_normalize",
    "l2_normalize_backward", "signed_sqrt", "signed_sqrt_backward",
]  # fmt: skip
