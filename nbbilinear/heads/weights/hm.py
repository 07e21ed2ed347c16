"""Hypercomplex multiplication: U and V are full."""

from dataclasses import dataclass
from typing import ClassVar

from .hypercomplex import Hypercomplex, Pair
from .operators import Blocks, Spread
from .weight import Array, Factors, cut, joined


@dataclass(frozen=True)
class Hm(Hypercomplex):
    """Hypercomplex multiplication: U (p, q), then V (s, t), multiplied in a ``layout``.

    Parameters, errors and what the layouts are: :class:`nbbilinear.heads.DualLphm`, without a rank.

    Notes
    -----
    Costs ``q t s + p q s`` multiplications for a row in place of ``p s q t``. In the layout ``"tinybig"`` rows share no
    factors unless q = s: there the matrix is expanded.

    Examples
    --------
    >>> Hm().length(12, 12)
    25
    """

    kind: ClassVar[str] = "hm"

    def length(self, rows: int, columns: int) -> int:
        """P q + s t."""
        p, q, s, t = self.shapes(rows, columns)
        return p * q + s * t

    def pair(self, w: Array, rows: int, columns: int) -> Pair:
        """U and V as they lie in the vector."""
        p, q, s, t = self.shapes(rows, columns)
        u, v = cut(w, (p, q), (s, t))
        return Pair(u, v, joined)

    def _structured(self, w: Array, rows: int, columns: int) -> Factors:
        """(U (x) I) (I (x) V)."""
        if self.layout == "tinybig":
            return self.expanded(w, rows, columns)
        u, v, pull = self.pair(w, rows, columns)
        return Factors(Spread(u, v.shape[1]), Blocks(v, u.shape[2]), pull)
