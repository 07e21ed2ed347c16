"""A product of two thin matrices."""

from dataclasses import dataclass
from typing import ClassVar

from .operators import Dense
from .weight import Array, Factors, Weight, cut, joined


@dataclass(frozen=True)
class LowRank(Weight):
    """A B of rank r: A (rows, r), then B (r, columns).

    Parameters
    ----------
    rank : int, optional

    Raises
    ------
    ConfigError
        The rank is no whole number >= 1.

    Notes
    -----
    Costs ``rank (rows + columns)`` multiplications for a row in place of ``rows columns``. B lies in the vector as
    (r, columns); tinyBIG's documentation has it transposed, its code as here.

    Examples
    --------
    >>> import numpy as np
    >>> LowRank(1).expand(np.array([[1.0, 2.0, 3.0, 4.0, 5.0]]), 2, 3)
    array([[[ 3.,  4.,  5.],
            [ 6.,  8., 10.]]])
    """

    kind: ClassVar[str] = "low_rank"
    rank: int = 3

    def __post_init__(self) -> None:
        self._whole("rank")

    def length(self, rows: int, columns: int) -> int:
        """Rank * (rows + columns)."""
        return self.rank * (rows + columns)

    def factors(self, w: Array, rows: int, columns: int) -> Factors:
        """A and B."""
        a, b = cut(w, (rows, self.rank), (self.rank, columns))
        return Factors(Dense(a), Dense(b), joined)

    def expanded(self, w: Array, rows: int, columns: int) -> Factors:
        """A B; dA = dF B', dB = A' dF."""
        a, b = cut(w, (rows, self.rank), (self.rank, columns))

        def pull(full: Array, _: Array | None) -> Array:
            return joined(full @ b.swapaxes(1, 2), a.swapaxes(1, 2) @ full)

        return Factors(Dense(a @ b), None, pull)
