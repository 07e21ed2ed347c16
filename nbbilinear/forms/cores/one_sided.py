"""No product: what is linear in one input alone, beside a bilinear term."""

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ...axes import Shape
from ..maps import NONE
from ..steps import Bound, Lay

Array = Any


class OneSided(NamedTuple):
    """z[s,n,m,k] = u[s,n,k], or v[s,m,k] where ``side`` is 1. Cost: the addition."""

    side: int

    @property
    def by_row(self) -> bool:
        """A stack is taken form by form."""
        return False

    @property
    def uses(self) -> Mapping[str, Lay]:
        """No parameter."""
        return NONE

    def numbers(self, p: Bound) -> int:  # noqa: ARG002
        """Return how many numbers are held for each row."""
        return 0

    def apply(self, u: Array, v: Array, p: Bound) -> Array:  # noqa: ARG002
        """Return z, repeated without a copy."""
        z = v[:, None] if self.side else u[:, :, None]
        return np.broadcast_to(z, (len(u), u.shape[1], v.shape[1], z.shape[-1]))

    def pull(self, g: Array, u: Array, v: Array, p: Bound, wanted: tuple[bool, bool]) -> tuple[Array, Array]:  # noqa: ARG002
        """The gradient summed over the rows of the other side, which has none."""
        if not wanted[self.side]:
            return None, None
        return (None, g.sum(axis=1)) if self.side else (g.sum(axis=2), None)

    def flop(self, rows: tuple[int, int, int], u: Shape, v: Shape, p: Bound) -> int:  # noqa: ARG002
        """The addition."""
        return prod(rows) * prod(v if self.side else u)

    def exchange(self) -> "OneSided":
        """Return the term of the other side."""
        return OneSided(1 - self.side)
