"""What the hypercomplex weights share: the two ways in which two small matrices make a large one."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ...errors import ConfigError
from .operators import Dense
from .products import product, product_backward
from .weight import Array, Factors, Weight, close_factor

LAYOUTS = ("kronecker", "tinybig")


class Pair(NamedTuple):
    """U (channels, p, q) and V (channels, s, t), and the way from their gradients to that of the vector."""

    u: Array
    v: Array
    pull: Callable[[Array, Array], Array]


@dataclass(frozen=True, kw_only=True)
class Hypercomplex(Weight):
    """Base of the weights made of U (p, q) and V (s, t), with p s rows and q t columns.

    Parameters
    ----------
    layout : {"kronecker", "tinybig"}, optional
        ``"kronecker"``: ``F[(p, s), (q, t)] = U[p, q] V[s, t]``, whose rank is that of U times that of V.
        ``"tinybig"``, what release 0.2.1 of tinyBIG computes where it documents the Kronecker product: the outer
        product of the vectors of U and V, read as a matrix row by row, ``F.flat[a s t + c] = U.flat[a] V.flat[c]``.
        **Its rank is 1 where q = s**, so for every square of perfect-square size; both layouts agree where q or s is 1.
    p, q : int, optional
        Divisors of rows and of columns; unless given the largest that are not above the square roots.
    """

    layout: str = "kronecker"
    p: int | None = None
    q: int | None = None

    def __post_init__(self) -> None:
        self._whole("p", "q")
        if self.layout not in LAYOUTS:
            raise ConfigError(f"{type(self).__name__}: layout must be one of {', '.join(LAYOUTS)}, got {self.layout!r}")

    @abstractmethod
    def pair(self, w: Array, rows: int, columns: int) -> Pair:
        """Return U and V."""

    def _structured(self, w: Array, rows: int, columns: int) -> Factors:
        """The factors where the matrix is no outer product."""
        return self.expanded(w, rows, columns)

    def shapes(self, rows: int, columns: int) -> tuple[int, int, int, int]:
        """Return p, q, s, t; ConfigError where p or q is no divisor.

        Examples
        --------
        >>> from nbbilinear.heads import DualLphm
        >>> DualLphm(3).shapes(784, 12)
        (28, 3, 28, 4)
        """
        p, q = self.p or close_factor(rows), self.q or close_factor(columns)
        for name, factor, size, side in (("p", p, rows, "rows"), ("q", q, columns, "columns")):
            if size % factor:
                raise ConfigError(f"{type(self).__name__}: {name} must divide {size} {side}, got {factor}")
        return p, q, rows // p, columns // q

    def factors(self, w: Array, rows: int, columns: int) -> Factors:
        """An outer product where the layout makes one, otherwise what the structure allows."""
        _, q, s, _ = self.shapes(rows, columns)
        if self.layout == "kronecker" or q != s:
            return self._structured(w, rows, columns)
        u, v, pull = self.pair(w, rows, columns)
        channels = len(w)

        def pull_outer(left: Array, right: Array | None) -> Array:
            return pull(left.reshape(u.shape), right.reshape(v.shape))  # type: ignore[union-attr]  # there is one

        return Factors(Dense(u.reshape(channels, rows, 1)), Dense(v.reshape(channels, 1, columns)), pull_outer)

    def expanded(self, w: Array, rows: int, columns: int) -> Factors:
        """U and V multiplied out, in the layout."""
        u, v, pull = self.pair(w, rows, columns)
        return Factors(
            Dense(product(u, v, self.layout)), None, lambda full, _: pull(*product_backward(full, u, v, self.layout))
        )
