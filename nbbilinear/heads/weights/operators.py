"""Matrices as they act: on rows from the right, on rows from the left, and their gradients.

Arrays have a leading axis of channels, of size 1 where all channels share them. An operator M of (rows, columns) maps
``apply(x) = x M'`` from (n, columns) to (n, rows), and ``transposed(z) = z M`` back. Both are linear in M, with the
gradient ``pull(z, x)``, the sum of z[n]' x[n] over n where z and x are what stood left and right of M. Those of
``BY_ROWS`` also give some rows at a time, ``block``, and ``collect`` the gradients of such blocks.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .products import product, product_backward

Array = Any
RowGrads = Iterator[tuple[int, slice, Array]]


class Dense(NamedTuple):
    """A matrix of numbers, (channels, rows, columns)."""

    matrix: Array

    @property
    def channels(self) -> int:
        """The number of matrices."""
        return len(self.matrix)

    @property
    def rows(self) -> int:
        """The length of what comes out of ``apply``."""
        return int(self.matrix.shape[1])

    @property
    def cost(self) -> int:
        """Multiplications for one row."""
        return int(self.matrix.shape[1] * self.matrix.shape[2])

    def apply(self, x: Array) -> Array:
        """y[n, a] = sum_c M[a, c] x[n, c]."""
        return x @ self.matrix.swapaxes(1, 2)

    def transposed(self, z: Array) -> Array:
        """y[n, c] = sum_a z[n, a] M[a, c]."""
        return z @ self.matrix

    def pull(self, z: Array, x: Array) -> Array:
        """dM[a, c] = sum_n z[n, a] x[n, c]."""
        return z.swapaxes(1, 2) @ x

    def block(self, channel: int, rows: slice) -> Array:
        """Some rows of a channel's matrix; a view."""
        return self.matrix[channel, rows]

    def collect(self, grads: RowGrads) -> Array:
        """DM of its rows."""
        found = np.empty_like(self.matrix, order="C")
        for channel, rows, grad in grads:
            found[channel, rows] = grad
        return found


class Kronecker(NamedTuple):
    """U (x) V of U (channels, p, q) and V (channels, s, t), both flat or both upright: made anew for every product."""

    u: Array
    v: Array

    @property
    def channels(self) -> int:
        """The number of matrices."""
        return len(self.u)

    @property
    def rows(self) -> int:
        """The length of what comes out of ``apply``."""
        return int(self.u.shape[1] * self.v.shape[1])

    @property
    def cost(self) -> int:
        """Multiplications for one row."""
        return self.rows * int(self.u.shape[2] * self.v.shape[2])

    def apply(self, x: Array) -> Array:
        """y[n, (p, s)] = sum_q,t U[p, q] V[s, t] x[n, (q, t)]."""
        return self._dense().apply(x)

    def transposed(self, z: Array) -> Array:
        """y[n, (q, t)] = sum_p,s z[n, (p, s)] U[p, q] V[s, t]."""
        return self._dense().transposed(z)

    def pull(self, z: Array, x: Array) -> tuple[Array, Array]:
        """DU and dV of dM[(p, s), (q, t)] = sum_n z[n, (p, s)] x[n, (q, t)]."""
        return product_backward(self._dense().pull(z, x), self.u, self.v, "kronecker")

    def block(self, channel: int, rows: slice) -> Array:
        """Rows (p, s) of a channel's matrix, each the outer product of U[p] and V[s]."""
        count, places = self.v.shape[1], range(*rows.indices(self.rows))
        found = np.empty_like(self.u, shape=(len(places), self.u.shape[2], self.v.shape[2]))
        for n, place in enumerate(places):
            p, s = divmod(place, count)
            found[n] = self.u[channel, p][:, None] * self.v[channel, s]
        return found.reshape(len(places), -1)

    def collect(self, grads: RowGrads) -> tuple[Array, Array]:
        """dU[p] = sum_s dM[(p, s)] V[s], dV[s] = sum_p U[p] dM[(p, s)], row by row."""
        (u, v), count = self, self.v.shape[1]
        du, dv = np.zeros_like(u), np.zeros_like(v)
        for channel, rows, grad in grads:
            for n, place in enumerate(range(*rows.indices(self.rows))):
                p, s = divmod(place, count)
                outer = grad[n].reshape(u.shape[2], v.shape[2])
                du[channel, p] += outer @ v[channel, s]
                dv[channel, s] += u[channel, p] @ outer
        return du, dv

    def _dense(self) -> Dense:
        return Dense(product(self.u, self.v, "kronecker"))


class Blocks(NamedTuple):
    """I (x) V: the same (s, t) matrix, (channels, s, t), along a diagonal of ``blocks``."""

    v: Array
    blocks: int

    @property
    def rows(self) -> int:
        """The length of what comes out of ``apply``."""
        return int(self.blocks * self.v.shape[1])

    @property
    def cost(self) -> int:
        """Multiplications for one row."""
        return int(self.blocks * self.v.shape[1] * self.v.shape[2])

    def apply(self, x: Array) -> Array:
        """y[n, (q, s)] = sum_t V[s, t] x[n, (q, t)]: one product, of all blocks of all rows."""
        return self._whole(_cut(x, self.blocks) @ self.v.swapaxes(1, 2), x)

    def transposed(self, z: Array) -> Array:
        """y[n, (q, t)] = sum_s z[n, (q, s)] V[s, t]."""
        return self._whole(_cut(z, self.blocks) @ self.v, z)

    def pull(self, z: Array, x: Array) -> Array:
        """dV[s, t] = sum_n,q z[n, (q, s)] x[n, (q, t)]."""
        return _cut(z, self.blocks).swapaxes(1, 2) @ _cut(x, self.blocks)

    def _whole(self, y: Array, like: Array) -> Array:
        """(channels, n q, s) as (channels, n, (q, s))."""
        return y.reshape(y.shape[0], like.shape[1], self.blocks * y.shape[2])


class Spread(NamedTuple):
    """U (x) I: a (p, q) matrix, (channels, p, q), whose every number stands on a diagonal of ``copies``."""

    u: Array
    copies: int

    @property
    def rows(self) -> int:
        """The length of what comes out of ``apply``."""
        return int(self.u.shape[1] * self.copies)

    @property
    def cost(self) -> int:
        """Multiplications for one row."""
        return int(self.u.shape[1] * self.u.shape[2] * self.copies)

    def apply(self, x: Array) -> Array:
        """y[n, (p, s)] = sum_q U[p, q] x[n, (q, s)]."""
        return self._product(self.u, x)

    def transposed(self, z: Array) -> Array:
        """y[n, (q, s)] = sum_p U[p, q] z[n, (p, s)]."""
        return self._product(self.u.swapaxes(1, 2), z)

    def pull(self, z: Array, x: Array) -> Array:
        """dU[p, q] = sum_n,s z[n, (p, s)] x[n, (q, s)]."""
        left, right = (a.reshape(*a.shape[:2], -1, self.copies) for a in (z, x))
        return (left @ right.swapaxes(2, 3)).sum(axis=1)

    def _product(self, u: Array, x: Array) -> Array:
        y = u[:, None] @ x.reshape(*x.shape[:2], u.shape[2], self.copies)
        return y.reshape(*y.shape[:2], u.shape[1] * self.copies)


Operator = Dense | Kronecker | Blocks | Spread
BY_ROWS = (Dense, Kronecker)


def _cut(x: Array, count: int) -> Array:
    """(channels, n, (q, t)) as (channels, n q, t)."""
    return x.reshape(x.shape[0], x.shape[1] * count, x.shape[2] // count)
