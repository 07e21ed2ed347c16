"""The product with a form as a kernel: what the plan's machinery calls on arranged operands."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from ..backends.contract import Backend, KernelSet, Speed, Work
from ..backends.conversion import convert
from ..backends.costs import no_workspace
from ..backends.grouping import groups
from ..execute import Choice
from ..layout import Layout, lay_out
from ..problem import Problem
from . import at_once, rule
from .bind import bound
from .form import Form
from .steps import Term

Array = Any
Selection = Any  # a slice, or row numbers


def choice(form: Form, parts: Mapping[str, Array], problem: Problem, gradients: dict[str, Array] | None,
           backend: str | None, kept: rule.Kept | None = None) -> Choice:  # fmt: skip
    """The form's product as the choice of a plan. ``gradients`` of the parameters are added to.

    ``kept``: of paired rows with one form, their blocks as a forward mapped them.
    """
    layout = _laid_out(problem)
    whole = at_once.rows(form, parts, problem, backend) if gradients is None else None
    terms = tuple(term.exchange() for term in form.terms) if layout.mirrored else form.terms
    stacked = max(map(len, parts.values())) > 1
    rest = (terms, parts, {**form.sizes, "k": problem.out_features}, backend, stacked)
    forward = _forward(*rest, form.memo) if whole is None else whole
    backward = _backward(*rest, gradients, form.memo, kept)
    kernel = KernelSet(
        f"form/{type(form).__name__}", problem.structure, forward, backward, _no_work, no_workspace, _NO_SPEED,
        exchange=False, batch_invariant=False,
    )  # fmt: skip
    straight = not (problem.is_empty or problem.selected or problem.axes.repeated) and problem.out_axis
    return Choice(kernel, _BACKEND, problem, layout, 0.0, 0, straight)


def _forward(
    terms: tuple[Term, ...],
    parts: Mapping[str, Array],
    sizes: Mapping[str, int],
    backend: str | None,
    stacked: bool,
    memo: dict[Any, Any],
) -> Callable[..., None]:
    by_row = all(term.by_row for term in terms)

    def forward(x1: Array, x2: Array, _w: Array, _b: Array, which: Array | None, y: Array, _s: Array) -> None:
        x1, x2, y = _as_pairs(x1, x2, y)
        for s, m, w in _pieces(
            which if stacked else None, *x2.shape[:2], by_row=by_row and (x1.shape[1] > 1 or y.shape[-1] == 1)
        ):
            with bound(terms, parts, None, w, sizes, backend, memo) as p:
                target, there = _taken(y, (s, slice(None), m))
                rule.forward(terms, x1[s], _taken(x2, (s, m))[0], p, target)
                if not there:
                    y[s, :, m] = target

    return forward


def _backward(
    terms: tuple[Term, ...], parts: Mapping[str, Array], sizes: Mapping[str, int], backend: str | None, stacked: bool,
    gradients: dict[str, Array] | None, memo: dict[Any, Any], kept: rule.Kept | None,
) -> Callable[..., None]:  # fmt: skip
    by_row = all(term.by_row for term in terms)

    def backward(
        g: Array, x1: Array, x2: Array, _w: Array, which: Array | None, dx1: Array, dx2: Array, _dw: Array, _db: Array,
        _s: Array, accumulate: bool,
    ) -> None:  # fmt: skip
        (x1, x2, g), (dx1, dx2, _) = _as_pairs(x1, x2, g), _as_pairs(dx1, dx2, None)
        together = by_row and (x1.shape[1] > 1 or g.shape[-1] == 1)
        if stacked and which is not None and not together and not accumulate:
            accumulate = True  # a row of x1 meets several forms
            for dx in (dx1, dx2):
                if dx is not None:
                    dx[...] = 0
        for s, m, w in _pieces(which if stacked else None, *x2.shape[:2], by_row=together):
            with bound(terms, parts, gradients, w, sizes, backend, memo) as p:
                (d1, there1), (d2, there2) = _taken(dx1, (s,)), _taken(dx2, (s, m))
                here = _taken(g, (s, slice(None), m))[0]
                rule.backward(terms, here, x1[s], _taken(x2, (s, m))[0], p, d1, d2, add=accumulate, kept=kept)
                if not there1:
                    dx1[s] = d1
                if not there2:
                    dx2[s, m] = d2

    return backward


def _as_pairs(x1: Array, x2: Array, y: Array) -> tuple[Array, Array, Array]:
    """Paired rows (rows, ...) as (rows, 1, ...): each a set of one against a set of one."""
    if (x1 is not None and x1.ndim == 2) or (x2 is not None and x2.ndim == 2):
        return _with_axis(x1, 1), _with_axis(x2, 1), _with_axis(y, 2)
    return x1, x2, y


def _with_axis(array: Array, axes: int) -> Array:
    return None if array is None else array.reshape(len(array), *(1,) * axes, array.shape[-1])


def _pieces(
    which: Array | None, shared: int, m: int, *, by_row: bool
) -> Iterator[tuple[Selection, Selection, int | Array]]:
    """Shared rows and rows of x2 that use one form, and its number; all, and the numbers, where the cores allow it."""
    if which is None:
        yield slice(None), slice(None), 0
    elif by_row:
        yield slice(None), slice(None), which.reshape(shared, m)
    elif m == 1:
        yield from ((rows, slice(None), w) for rows, w in groups(np, which, shared))
    else:
        for s in range(shared):
            yield from ((slice(s, s + 1), rows, w) for rows, w in groups(np, which, m, first=s * m))


def _taken(array: Array, where: tuple[Selection, ...]) -> tuple[Array, bool]:
    """Part of an array, and whether it is the array's own memory."""
    if array is None:
        return None, True
    return array[where], all(isinstance(one, slice) for one in where)


@lru_cache(maxsize=1024)
def _laid_out(problem: Problem) -> Layout:
    return lay_out(problem)


def _no_work(problem: Problem) -> Work | None:  # noqa: ARG001
    return None


def _same(array: Array) -> Array:
    return array


_NO_SPEED = Speed({"": 1.0}, 1.0, 1.0)
_BACKEND = Backend("form", (), _same, _same, np.empty, convert)
