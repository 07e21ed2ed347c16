"""What a transformation of rows is: a wider row, which is never made where a matrix follows it."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from ..part import Part
from ..weights.operators import Operator

Array = Any


class Transform(Part):
    """Base of the transformations, of rows (channels, n, features).

    Attributes
    ----------
    as_is : bool
        Whether the rows stay as they are, so that they may be mixed before any matrix.
    """

    as_is: ClassVar[bool] = False

    @abstractmethod
    def width(self, features: int) -> int:
        """Return the length of a transformed row."""

    @abstractmethod
    def expand(self, x: Array) -> Array:
        """Return the transformed rows, (..., width): the definition. For tests and small sizes."""

    @abstractmethod
    def through(self, x: Array, operator: Operator) -> tuple[Array, Callable[[Array], tuple[Array, Array]]]:
        """Return a matrix of the transformed rows, and the pullback to the rows and the matrix.

        Parameters
        ----------
        x : (1 or channels, n, features) array
        operator : Operator
            Of ``width`` columns; one of BY_ROWS unless :attr:`as_is`.
        """
