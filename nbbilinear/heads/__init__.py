"""Heads: the bilinear interdependence head, its parts, and stacks of them."""

from .attending import Attending, HeadGrads
from .attention import Attention
from .head import InterdependenceHead
from .interdependence import InterdependenceGrads, interdependence
from .layer import BilinearInterdependenceLayer
from .normalization import MODES, normalize
from .outputs import OUTPUTS
from .reconciliation import ReconciliationGrads, reconcile
from .tinybig import BilinearInterdependenceHead
from .transformer import Transformer
from .transforms import TRANSFORMS, Identity, Taylor, Transform
from .weights import WEIGHTS, DualLphm, Full, Hm, LowRank, Lphm, Weight

__all__ = [
    "MODES", "OUTPUTS", "TRANSFORMS", "WEIGHTS", "Attending", "Attention", "BilinearInterdependenceHead",
    "BilinearInterdependenceLayer", "DualLphm", "Full", "HeadGrads", "Hm", "Identity", "InterdependenceGrads",
    "InterdependenceHead", "LowRank", "Lphm", "ReconciliationGrads", "Taylor", "Transform", "Transformer", "Weight",
    "interdependence", "normalize", "reconcile",
]  # fmt: skip
