"""The remainder: what of the rows goes past the interdependence, straight to the outputs."""

from collections.abc import Callable
from typing import Any

Array = Any
Pullback = Callable[[Array], tuple[Array, Array]]


def linear(x: Array, w: Array) -> tuple[Array, Pullback]:
    """Linear remainder, ``y[b] = w x[b]`` of w (outputs, m), and its pullback to x and w.

    Examples
    --------
    >>> import numpy as np
    >>> linear(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]))[0]
    array([[11.]])
    """
    return x @ w.T, lambda grad: (grad @ w, grad.T @ x)


REMAINDERS: dict[str, Callable[[Array, Array], tuple[Array, Pullback]] | None] = {"zero": None, "linear": linear}
