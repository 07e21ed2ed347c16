"""Dual low-rank parameterised hypercomplex multiplication: U and V are of low rank."""

from typing import ClassVar

from .lphm import Lphm, Thin
from .operators import Kronecker
from .weight import Array, Factors, cut, joined


class DualLphm(Lphm):
    """Dual low-rank parameterised hypercomplex multiplication: U = P Q and V = S T.

    In the vector: P (p, rank), Q (rank, q), S (s, rank), T (rank, t).

    Parameters
    ----------
    rank : int, optional
    layout : {"kronecker", "tinybig"}, optional
        ``"kronecker"``: ``F[(p, s), (q, t)] = U[p, q] V[s, t]``, of rank up to ``rank ** 2``.
        ``"tinybig"``, what release 0.2.1 of tinyBIG computes where it documents the Kronecker product: the outer
        product of the vectors of U and V, read as a matrix row by row, ``F.flat[a s t + c] = U.flat[a] V.flat[c]``.
        **Its rank is 1 where q = s**, so for square matrices of 784, 256 or 100 rows; 2 for 128, 6 for 768 at rank 3.
        Both layouts agree where q or s is 1.
    p, q : int, optional
        Divisors of rows and of columns; unless given the largest that are not above the square roots.

    Raises
    ------
    ConfigError
        An option is no whole number >= 1, the layout is unknown; on use, p or q is no divisor.

    Notes
    -----
    A Kronecker product of products is a product of Kronecker products, ``(P (x) S) (Q (x) T)``: two factors of width
    ``rank ** 2``, which cost ``rank ** 2 (rows + columns)`` multiplications for a row. In the other layout it is used
    as an outer product where it is one, else as :class:`Lphm` is.

    Examples
    --------
    >>> DualLphm(3).length(784, 784), DualLphm(3).length(10, 784)
    (336, 189)
    """

    kind: ClassVar[str] = "dual_lphm"

    def length(self, rows: int, columns: int) -> int:
        """Rank (p + q + s + t)."""
        return self.rank * sum(self.shapes(rows, columns))

    def thin(self, w: Array, rows: int, columns: int) -> Thin:
        """U = P Q, S and T; dP = dU Q', dQ = P' dU."""
        p, q, s, t = self._cut(w, rows, columns)
        return Thin(p @ q, s, t, lambda du, ds, dt: joined(du @ q.swapaxes(1, 2), p.swapaxes(1, 2) @ du, ds, dt))

    def _structured(self, w: Array, rows: int, columns: int) -> Factors:
        """(P (x) S) (Q (x) T)."""
        if self.layout == "tinybig":
            return super()._structured(w, rows, columns)
        p, q, s, t = self._cut(w, rows, columns)

        def pull(left: Array, right: Array | None) -> Array:
            (dp, ds), (dq, dt) = left, right  # type: ignore[misc]  # there is a right factor, hence its gradient
            return joined(dp, dq, ds, dt)

        return Factors(Kronecker(p, s), Kronecker(q, t), pull)

    def _cut(self, w: Array, rows: int, columns: int) -> list[Array]:
        p, q, s, t = self.shapes(rows, columns)
        return cut(w, (p, self.rank), (self.rank, q), (s, self.rank), (self.rank, t))
