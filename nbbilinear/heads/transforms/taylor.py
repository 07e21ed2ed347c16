"""All products of features up to a degree."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from ...errors import ConfigError
from ...functional import BilinearGrads, bilinear, bilinear_backward
from ..weights.operators import Dense, Operator
from .transform import Array, Transform


@dataclass(frozen=True)
class Taylor(Transform):
    """All ordered products of up to d features: ``[x, x (x) x, ..., x (x) ... (x) x]``, the earlier factor slower.

    Parameters
    ----------
    degree : int, optional

    Raises
    ------
    ConfigError
        The degree is no whole number >= 1.

    Notes
    -----
    A row of m features has ``m + m^2 + ... + m^degree`` products, and none of them is made for a matrix M that
    follows: each power is a bilinear product of the power before with x,

    ``(M K(x))[k] = sum_c M1[k, c] x[c] + sum_a,c M2[k, a, c] x[a] x[c] + ...``

    so that degree 2 is a linear map and a quadratic form. Costs what the product with M costs,
    ``2 rows width`` flop for each row of x, forward, and memory for the power before the last: none at degree 2.
    Source: ``taylor_expansion`` of tinyBIG 0.2.1 (no factorials, no constant).

    Examples
    --------
    >>> Taylor(2).expand(np.array([[2.0, 3.0]]))
    array([[2., 3., 4., 6., 6., 9.]])
    >>> Taylor(2).width(784)
    615440
    """

    kind: ClassVar[str] = "taylor"
    degree: int = 2

    def __post_init__(self) -> None:
        if not isinstance(self.degree, int) or self.degree < 1:
            raise ConfigError(f"Taylor: degree must be a whole number >= 1, got {self.degree!r}")

    def width(self, features: int) -> int:
        """M + m^2 + ... + m^degree."""
        return sum(features**power for power in range(1, self.degree + 1))

    def expand(self, x: Array) -> Array:
        """Every power, one after the other."""
        powers = [x]
        for _ in range(1, self.degree):
            powers.append(_times(powers[-1], x))
        return np.concatenate(powers, axis=-1)

    def through(self, x: Array, operator: Operator) -> tuple[Array, Callable[[Array], tuple[Array, Array]]]:
        """One matrix product, and a bilinear one for each further power."""
        matrix = operator.matrix  # type: ignore[union-attr]  # a Dense, as the base says
        features, powers = x.shape[2], self._powers(x)
        linear, channels = Dense(matrix[:, :, :features]), range(len(matrix))
        y = linear.apply(x)
        for power, place in zip(powers, self._places(features), strict=True):
            for c in channels:
                y[c] += bilinear(power[c % len(x)], x[c % len(x)], _weight(matrix[c], place, features))

        def pullback(grad: Array) -> tuple[Array, Array]:
            dmatrix, dx = np.empty_like(matrix, order="C"), linear.transposed(grad)
            dmatrix[:, :, :features] = linear.pull(grad, x)
            above: list[Any] = [0] * len(powers)  # gradients of the powers; x is the first
            for n, place in enumerate(self._places(features)):
                found = [
                    bilinear_backward(
                        grad[c], powers[n][c % len(x)], x[c % len(x)], _weight(matrix[c], place, features),
                        out=BilinearGrads(weight=_weight(dmatrix[c], place, features)),
                    )
                    for c in channels
                ]  # fmt: skip
                above[n] = _stacked([one.x1 for one in found])
                dx += _stacked([one.x2 for one in found])
            for n in range(len(powers) - 1, 0, -1):
                outer = above[n].reshape(*above[n].shape[:2], -1, features)
                above[n - 1] += (outer * x[:, :, None]).sum(axis=3)
                dx += (outer * powers[n - 1][..., None]).sum(axis=2)
            return dx + above[0] if powers else dx, dmatrix

        return y, pullback

    def _powers(self, x: Array) -> list[Array]:
        """The powers that are multiplied with x once more: all but the last, and none at degree 1."""
        powers: list[Array] = []
        for _ in range(1, self.degree):
            powers.append(_times(powers[-1], x) if powers else x)
        return powers

    def _places(self, features: int) -> list[slice]:
        """Where the second and further powers stand among the columns."""
        starts = [sum(features**power for power in range(1, degree)) for degree in range(2, self.degree + 2)]
        return [slice(start, stop) for start, stop in pairwise(starts)]


def _weight(matrix: Array, place: slice, features: int) -> Array:
    """Columns of a matrix (rows, width) as the weight (rows, power, features) of a bilinear product; a view."""
    return matrix[:, place].reshape(len(matrix), -1, features)


def _stacked(arrays: list[Any]) -> Array:
    return arrays[0][None] if len(arrays) == 1 else np.stack(arrays)


def _times(power: Array, x: Array) -> Array:
    """Every product of a row's power with its features, (..., a m)."""
    return (power[..., :, None] * x[..., None, :]).reshape(*x.shape[:-1], power.shape[-1] * x.shape[-1])
