"""Weights of a head: the table of kinds. A new one is a file and a line."""

from .dual_lphm import DualLphm
from .full import Full
from .hm import Hm
from .low_rank import LowRank
from .lphm import Lphm
from .weight import Weight

__all__ = ["WEIGHTS", "DualLphm", "Full", "Hm", "LowRank", "Lphm", "Weight"]

WEIGHTS: dict[str, type[Weight]] = {one.kind: one for one in (Full, LowRank, DualLphm, Lphm, Hm)}
