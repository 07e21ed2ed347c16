"""The rows as they are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from ..weights.operators import Operator
from .transform import Array, Transform


@dataclass(frozen=True)
class Identity(Transform):
    """No transformation.

    Examples
    --------
    >>> Identity().width(784)
    784
    """

    kind: ClassVar[str] = "identity"
    as_is: ClassVar[bool] = True

    def width(self, features: int) -> int:
        """The number of features."""
        return features

    def expand(self, x: Array) -> Array:
        """The rows themselves."""
        return x

    def through(self, x: Array, operator: Operator) -> tuple[Array, Callable[[Array], tuple[Array, Array]]]:
        """The operator of the rows."""
        return operator.apply(x), lambda grad: (operator.transposed(grad), operator.pull(grad, x))
