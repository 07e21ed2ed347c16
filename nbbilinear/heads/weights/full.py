"""Every number of its own."""

from dataclasses import dataclass
from typing import ClassVar

from .operators import Dense
from .weight import Array, Factors, Weight


@dataclass(frozen=True)
class Full(Weight):
    """A full matrix: the vector, read row by row.

    Examples
    --------
    >>> import numpy as np
    >>> Full().expand(np.arange(6.0)[None], 2, 3)
    array([[[0., 1., 2.],
            [3., 4., 5.]]])
    """

    kind: ClassVar[str] = "full"

    def length(self, rows: int, columns: int) -> int:
        """Rows * columns."""
        return rows * columns

    def expanded(self, w: Array, rows: int, columns: int) -> Factors:
        """The vector itself, in another shape."""
        return Factors(Dense(w.reshape(len(w), rows, columns)), None, lambda left, right: left.reshape(w.shape))  # noqa: ARG005
