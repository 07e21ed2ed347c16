"""The linear maps of forms: a matrix product, another arrangement of the features, a sum."""

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..axes import Shape
from .steps import Bound, Lay, Order

Array = Any
NONE: Mapping[str, Lay] = {}


class Dense(NamedTuple):
    """u[b, rest] = sum_over x[b, over] P[over, rest]: one matrix product.

    ``letters`` are the parameter's axes; it is contracted with the last axes of x, which are ``over``. Features before
    those stay, before the rest.
    """

    name: str
    letters: str
    over: str

    @property
    def uses(self) -> Mapping[str, Lay]:
        """The one parameter, its contracted axes first."""
        return {self.name: Order(self.letters, self.over + self._rest)}

    def apply(self, x: Array, p: Bound) -> Array:
        """Return u."""
        array = p.arrays[self.name]
        between, shape = self._between(x), array.shape[len(self.over) :]
        return (self._flat(x, array) @ self._matrix(array)).reshape(*between, *shape)

    def pull(self, g: Array, x: Array, p: Bound, wanted: bool, out: Array | None = None) -> Array | None:
        """DP = x' g, dx = g P'."""
        array = p.arrays[self.name]
        flat = g.reshape(prod(self._between(x)), prod(array.shape[len(self.over) :]))
        if p.gradients is not None:
            p.add(self.name, (self._flat(x, array).T @ flat).reshape(array.shape))
        if not wanted:
            return None
        back = self._matrix(array).T
        into = None if out is None else out.reshape(len(flat), back.shape[1])
        return np.matmul(flat, back, out=into).reshape(x.shape)

    def flop(self, features: Shape, p: Bound) -> int:
        """Two for each number of the parameter, and features that are not contracted."""
        return 2 * prod(features[: len(features) - len(self.over)]) * int(p.arrays[self.name].size)

    @property
    def _rest(self) -> str:
        return "".join(letter for letter in self.letters if letter not in self.over)

    def _between(self, x: Array) -> tuple[int, ...]:
        """Rows, and features that are not contracted."""
        return tuple(x.shape[: x.ndim - len(self.over)])

    def _flat(self, x: Array, array: Array) -> Array:
        return x.reshape(prod(self._between(x)), prod(array.shape[: len(self.over)]))

    def _matrix(self, array: Array) -> Array:
        return array.reshape(prod(array.shape[: len(self.over)]), prod(array.shape[len(self.over) :]))


class DenseBlocks(NamedTuple):
    """u[b, n, q, rest] = sum_s x[b, n, q, s] P[n, s, rest]: a matrix product for each block n.

    ``letters`` are the parameter's axes, ``over`` the letters n and s.
    """

    name: str
    letters: str
    over: str

    @property
    def uses(self) -> Mapping[str, Lay]:
        """The one parameter, blocks first, contracted axis next."""
        rest = "".join(letter for letter in self.letters if letter not in self.over)
        return {self.name: Order(self.letters, self.over + rest)}

    def apply(self, x: Array, p: Bound) -> Array:
        """Return u."""
        array = p.arrays[self.name]
        u = np.empty((*x.shape[:3], prod(array.shape[2:])), x.dtype)
        for n, matrix in enumerate(array.reshape(len(array), x.shape[3], u.shape[3])):
            u[:, n] = (x[:, n].reshape(-1, x.shape[3]) @ matrix).reshape(u[:, n].shape)
        return u.reshape(*x.shape[:3], *array.shape[2:])

    def pull(self, g: Array, x: Array, p: Bound, wanted: bool, out: Array | None = None) -> Array | None:  # noqa: ARG002
        """dP[n] = x[n]' g[n], dx[n] = g[n] P[n]', block by block."""
        array = p.arrays[self.name]
        dx = np.empty(x.shape, x.dtype) if wanted else None
        gradient = np.empty((len(array), x.shape[3], prod(array.shape[2:])), x.dtype)
        for n, matrix in enumerate(array.reshape(gradient.shape)):
            flat = g[:, n].reshape(-1, gradient.shape[2])
            np.matmul(x[:, n].reshape(-1, x.shape[3]).T, flat, out=gradient[n])
            if dx is not None:
                dx[:, n] = (flat @ matrix.T).reshape(dx[:, n].shape)
        p.add(self.name, gradient.reshape(array.shape))
        return dx

    def flop(self, features: Shape, p: Bound) -> int:
        """Two for each number of the parameter, and each q."""
        return 2 * features[1] * int(p.arrays[self.name].size)


class Arrange(NamedTuple):
    """Features seen as axes ``have``, brought into the order ``want``. Moves numbers, computes nothing."""

    have: str
    want: str

    @property
    def uses(self) -> Mapping[str, Lay]:
        """No parameter."""
        return NONE

    def apply(self, x: Array, p: Bound) -> Array:
        """Return x with its features in the wanted order."""
        seen = x.reshape(len(x), *(p.sizes[letter] for letter in self.have))
        return seen.transpose(0, *(1 + self.have.index(letter) for letter in self.want))

    def pull(self, g: Array, x: Array, p: Bound, wanted: bool, out: Array | None = None) -> Array | None:  # noqa: ARG002
        """Bring the gradient back into x's order."""
        back = (1 + self.want.index(letter) for letter in self.have)
        return g.transpose(0, *back).reshape(x.shape) if wanted else None

    def flop(self, features: Shape, p: Bound) -> int:  # noqa: ARG002
        """None: numbers are moved."""
        return 0


class Sum(NamedTuple):
    """y[b, k] = sum_n x[b, n, k]."""

    @property
    def uses(self) -> Mapping[str, Lay]:
        """No parameter."""
        return NONE

    def apply(self, x: Array, p: Bound) -> Array:  # noqa: ARG002
        """Return the sums over the first axis of features."""
        return x.sum(axis=1)

    def pull(self, g: Array, x: Array, p: Bound, wanted: bool, out: Array | None = None) -> Array | None:  # noqa: ARG002
        """Every summand has the gradient of the sum."""
        return np.broadcast_to(g[:, None], x.shape) if wanted else None

    def flop(self, features: Shape, p: Bound) -> int:  # noqa: ARG002
        """One addition for each number."""
        return prod(features)
