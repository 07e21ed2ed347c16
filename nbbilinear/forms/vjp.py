"""A form's product and its gradients as one: the backward takes the rows that the forward's maps made."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ..execute import BilinearGrads
from . import at_once, calls
from .form import Form
from .rule import Kept

Array = Any


def vjp(
    verb: str, x1: Array, x2: Array, weight: Form, bias: Array | None, index: Array | None, backend: str | None
) -> tuple[Array, Callable[..., BilinearGrads]]:
    """Compute y, and make its gradients ready, as :func:`nbbilinear.bilinear_vjp` says.

    Mapped rows are kept of contiguous paired rows with one form; of all else nothing is.
    """
    pullback = partial(_pull, verb, (x1, x2, weight, bias, index), backend)
    found = at_once.forward_keeping(weight, x1, x2, bias, backend) if index is None else None
    if found is None:
        return calls.forward(verb, x1, x2, weight, bias, index, None, backend), partial(pullback, None)
    y, kept = found
    return y, partial(pullback, kept)


def _pull(
    verb: str, operands: tuple[Array, Array, Form, Array | None, Array | None], backend: str | None,
    kept: Kept | None, grad_output: Array, *, out: BilinearGrads | None = None, accumulate: bool = False,
) -> BilinearGrads:  # fmt: skip
    return calls.backward(verb, grad_output, *operands, None, out, accumulate, backend, kept=kept)
