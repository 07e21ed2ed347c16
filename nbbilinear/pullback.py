"""A product and its gradients as one: the forward leaves to the backward what saves it work."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from . import execute
from .calls import gradients, product, wanted_operands
from .config import Config, config, current
from .errors import MisfitError, ShapeError, report
from .execute import BilinearGrads, Choice
from .forms import Form
from .forms.vjp import vjp as of_a_form
from .operands import Operands, take
from .plain import all_of, are_plain, is_gradient, run_backward, run_forward, shapes_of
from .plan import both_for

Array = Any


class Pullback:
    """What :func:`nbbilinear.bilinear_vjp` returns beside y: call it with the gradient of y, as often as you like."""

    __slots__ = ("_choice", "_given", "_kept", "_originals", "_settings", "_verb", "_wanted")

    def __init__(
        self, verb: str, choice: Choice, given: Operands | None, originals: tuple[Array, ...],
        wanted: tuple[str, ...], kept: dict[str, Array],
    ) -> None:  # fmt: skip
        """``given``: the ``originals`` as taken in; None where the kernel takes them as they are."""
        self._verb, self._choice, self._given, self._originals = verb, choice, given, originals
        self._wanted, self._kept = wanted, kept
        self._settings: Config = current()

    def __call__(
        self, grad_output: Array, *, out: BilinearGrads | None = None, accumulate: bool = False
    ) -> BilinearGrads:
        """Gradients of all operands; ``out`` and ``accumulate`` as in :func:`nbbilinear.bilinear_backward`."""
        if self._settings.vectors != current().vectors:  # the kernel was chosen for these vectors
            with config(vectors=self._settings.vectors):
                return self(grad_output, out=out, accumulate=accumulate)
        x1, x2, weight, bias, index = self._originals
        choice = self._choice if self._settings is current() else self._resized()
        if self._given is None and out is None and not accumulate and is_gradient(grad_output, x1, weight, index):
            return run_backward(choice, grad_output, x1, x2, weight, bias, index, **self._kept)
        given = self._given or take(self._verb, x1, x2, weight, bias, index)
        if self._kept:
            kernel = choice.kernel
            choice = choice._replace(kernel=kernel._replace(backward=partial(kernel.backward, **self._kept)))
        named = {"x1": x1, "x2": x2, "weight": weight}
        room = choice.scratch()
        return gradients(self._verb, grad_output, given, named, self._wanted, out, accumulate, choice, room)

    def _resized(self) -> Choice:
        """The choice with the workspace of the settings in force: another number of threads takes another."""
        choice = self._choice
        elements = choice.kernel.workspace(choice.problem) if choice.workspace else 0
        return choice._replace(workspace=elements)


def vjp(
    verb: str, x1: Array, x2: Array, weight: Array, bias: Array | None, index: Array | None, backend: str | None
) -> tuple[Array, Callable[..., BilinearGrads]]:
    """Compute y, and make its gradients ready, as :func:`nbbilinear.bilinear_vjp` says."""
    if type(weight) is not np.ndarray and isinstance(weight, Form):
        return of_a_form(verb, x1, x2, weight, bias, index, backend)
    originals = (x1, x2, weight, bias, index)
    if are_plain(x1, x2, weight, bias, index):
        found = _at_once(verb, x1, x2, weight, bias, index, backend)
        if found is not None:
            return found
    given = take(verb, x1, x2, weight, bias, index)
    given = given._replace(index=None if given.index is None else given.index.copy())  # looked at once
    wanted = wanted_operands(verb, None, given)
    try:
        both = both_for(
            *shapes_of(*given[:5]), given.dtype, wanted, given.uniform, given.stored, given.library, backend
        )
    except MisfitError as misfit:
        raise ShapeError(report(f"{verb}: operands do not fit", misfit.faults, given.named())) from None
    if not both.kept:
        y, kept = product(verb, given, None, backend), {}
    else:
        choice, memory = both.forward, both.forward.backend.empty(both.kept, given.dtype)
        kept = {"kept": memory}
        bound = choice._replace(kernel=choice.kernel._replace(forward=partial(choice.kernel.forward, **kept)))
        y = choice.backend.empty(choice.problem.out_shape, given.dtype)
        execute.forward(bound, *given[:5], y, choice.scratch())
        y = y if given.give_back is None else given.give_back(y)
    return y, Pullback(verb, both.backward, given, originals, wanted, kept)


def _at_once(
    verb: str, x1: Array, x2: Array, weight: Array, bias: Array | None, index: Array | None, backend: str | None
) -> tuple[Array, Pullback] | None:
    """The same of plain operands, where kernels take them as they are."""
    wanted = all_of(bias)
    try:
        both = both_for(*shapes_of(x1, x2, weight, bias, index), x1.dtype, wanted, True, None, "numpy", backend)
    except MisfitError:
        return None  # for the long way to explain
    if not both.at_once:
        return None
    index = None if index is None else index.copy()  # which is looked at once: a change could reach beyond the weight
    kept = {"kept": np.empty(both.kept, x1.dtype)} if both.kept else {}
    y = run_forward(both.forward, x1, x2, weight, bias, index, **kept)
    return y, Pullback(verb, both.backward, None, (x1, x2, weight, bias, index), wanted, kept)
