"""Low-rank parameterised hypercomplex multiplication: V is of low rank."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from .hypercomplex import Hypercomplex, Pair
from .operators import Blocks, Dense
from .products import product, product_backward
from .weight import Array, Factors, cut, joined


class Thin(NamedTuple):
    """U (channels, p, q), S (channels, s, r) and T (channels, r, t) with V = S T, and the way back to the vector."""

    u: Array
    s: Array
    t: Array
    pull: Callable[[Array, Array, Array], Array]


@dataclass(frozen=True)
class Lphm(Hypercomplex):
    """Low-rank parameterised hypercomplex multiplication: U (p, q), then S (s, r) and T (r, t), V = S T.

    Parameters, errors and what the layouts are: :class:`nbbilinear.heads.DualLphm`.

    Notes
    -----
    Used as a (rows, q r) matrix after T, which costs ``q t r + rows q r`` multiplications for a row.

    Examples
    --------
    >>> Lphm(2, p=2, q=5).length(10, 10)
    24
    """

    kind: ClassVar[str] = "lphm"
    rank: int = 3

    def __post_init__(self) -> None:
        self._whole("rank")
        super().__post_init__()

    def length(self, rows: int, columns: int) -> int:
        """The sizes of U, S and T: p q + rank (s + t)."""
        p, q, s, t = self.shapes(rows, columns)
        return p * q + self.rank * (s + t)

    def thin(self, w: Array, rows: int, columns: int) -> Thin:
        """U, S and T as they lie in the vector."""
        p, q, s, t = self.shapes(rows, columns)
        u, left, right = cut(w, (p, q), (s, self.rank), (self.rank, t))
        return Thin(u, left, right, joined)

    def pair(self, w: Array, rows: int, columns: int) -> Pair:
        """U and V = S T; dS = dV T', dT = S' dV."""
        u, s, t, pull = self.thin(w, rows, columns)
        return Pair(u, s @ t, lambda du, dv: pull(du, dv @ t.swapaxes(1, 2), s.swapaxes(1, 2) @ dv))

    def _structured(self, w: Array, rows: int, columns: int) -> Factors:
        """(U, S in the layout) (I (x) T): both layouts count columns of T last, so that T comes off."""
        u, s, t, pull = self.thin(w, rows, columns)
        if t.shape[1] >= t.shape[2]:
            return self.expanded(w, rows, columns)

        def pull_factors(left: Array, right: Array | None) -> Array:
            du, ds = product_backward(left, u, s, self.layout)
            return pull(du, ds, right)

        return Factors(Dense(product(u, s, self.layout)), Blocks(t, u.shape[2]), pull_factors)
