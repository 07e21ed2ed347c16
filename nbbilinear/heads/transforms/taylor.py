"""All products of features up to a degree."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, product
from typing import ClassVar

import numpy as np

from ...functional import BilinearGrads, bilinear, bilinear_backward
from ..weights.operators import Operator, RowGrads
from .transform import Array, Transform

# A weight of more than one row is a view in strides here, and bilinear products copy those.
BLOCK_BYTES = 4 << 20


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

    so that degree 2 is a linear map and a quadratic form, as the bilinear product of x with itself. Costs what the
    product with M costs, ``2 rows width`` flop for each row of x, forward, and memory for the power before the last:
    none at degree 2.
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
        self._whole("degree")

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
        """One matrix product, and a bilinear one for each further power; some rows of the matrix at a time."""
        _, n, features = x.shape
        powers, places = self._powers(x), self._places(features)
        blocks = _blocks(operator, self.width(features) * x.dtype.itemsize)
        channels = operator.channels  # type: ignore[union-attr]  # one of BY_ROWS, as the base says
        y = np.empty_like(x, shape=(channels, n, operator.rows))
        for c, rows in product(range(channels), blocks):
            matrix, here = operator.block(c, rows), x[c % len(x)]  # type: ignore[union-attr]
            y[c][:, rows] = here @ matrix[:, :features].T
            for power, place in zip(powers, places, strict=True):
                y[c][:, rows] += bilinear(power[c % len(x)], here, _weight(matrix, place, features))

        def pullback(grad: Array) -> tuple[Array, Array]:
            dx = np.zeros_like(x, shape=(channels, n, features))
            above = [np.zeros_like(power, shape=(channels, *power.shape[1:])) for power in powers]

            def of_rows() -> RowGrads:
                for c, rows in product(range(channels), blocks):
                    matrix, here, g = operator.block(c, rows), x[c % len(x)], grad[c][:, rows]  # type: ignore[union-attr]
                    dmatrix = np.empty_like(matrix, order="C")
                    dmatrix[:, :features] = g.T @ here
                    dx[c] += g @ matrix[:, :features]
                    for place, power, total in zip(places, powers, above, strict=True):
                        out = BilinearGrads(weight=_weight(dmatrix, place, features))
                        weight = _weight(matrix, place, features)
                        found = bilinear_backward(g, power[c % len(x)], here, weight, out=out)
                        total[c] += found.x1
                        dx[c] += found.x2
                    yield c, rows, dmatrix

            gradient = operator.collect(of_rows())  # type: ignore[union-attr]
            for place in range(len(powers) - 1, 0, -1):
                outer = above[place].reshape(channels, n, -1, features)
                above[place - 1] += (outer * x[:, :, None]).sum(axis=3)
                dx += (outer * powers[place - 1][..., None]).sum(axis=2)
            return dx + above[0] if powers else dx, gradient

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


def _blocks(operator: Operator, row_bytes: int) -> list[slice]:
    """Rows of a matrix in blocks of some MB: as many as are worth a copy of their columns, at least one."""
    size = max(1, BLOCK_BYTES // row_bytes)
    return [slice(start, min(start + size, operator.rows)) for start in range(0, operator.rows, size)]


def _times(power: Array, x: Array) -> Array:
    """Every product of a row's power with its features, (..., a m)."""
    return (power[..., :, None] * x[..., None, :]).reshape(*x.shape[:-1], power.shape[-1] * x.shape[-1])
