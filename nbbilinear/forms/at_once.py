"""Paired rows that lie as they should, with a form that stands alone: nothing to plan, to arrange or to give back.

One compiled kernel computes y where the form has one that pays; else its steps follow each other, in blocks of rows.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from ..axes import Shape
from ..backends import resolve
from ..compiled import SMALLEST
from ..config import Config, current
from ..execute import BilinearGrads
from ..operands import FLOATS
from ..plan import KEPT_BYTES
from ..problem import Problem
from . import rule
from .bind import bound
from .form import Form
from .steps import Bound, Term

Array = Any
KERNELS = (None, "numba/simd")  # kernels of the numba backend by whose names those of forms run


def forward(form: Form, x1: Array, x2: Array, bias: Array | None, backend: str | None) -> Array | None:
    """Y; None where there is more to be done, or something is wrong."""
    settings = current()
    if not _fit(form, x1, x2, bias, settings):
        return None
    y = np.empty((len(x1), form.shape[0]), x1.dtype)
    kernel = _kernel(form, x1, backend, settings)
    if kernel is not None:
        kernel.forward(x1, x2, *form.operands(form.parameters), y)
    elif _is_open(settings.backend if backend is None else backend):
        with bound(_terms(form), _parts(form.parameters), None, 0, form.sizes, None, form.memo) as p:
            rule.forward(_terms(form), x1[:, None], x2[:, None], p, y[:, None, None])
    else:
        return None
    if bias is not None:
        y += bias
    return y


def forward_keeping(
    form: Form, x1: Array, x2: Array, bias: Array | None, backend: str | None
) -> tuple[Array, rule.Kept] | None:
    """Y, and for the backward what maps make of the inputs; None where nothing is to be kept, or as above.

    Steps take longer than a kernel, and that is won back twice where no row is mapped again: 4096x64x64x32 of rank 4
    forward and backward 7.9 to 7.0 ms, 1024x512x512x64 of rank 16 62 to 55 ms.
    """
    settings, terms = current(), _terms(form)
    if not _is_open(settings.backend if backend is None else backend) or not _fit(form, x1, x2, bias, settings):
        return None
    if not any(step.uses for term in terms for step in (*term.first, *term.second)):
        return None
    kernel = _kernel(form, x1, backend, settings)
    y = np.empty((len(x1), form.shape[0]), x1.dtype)
    with bound(terms, _parts(form.parameters), None, 0, form.sizes, None, form.memo) as p:
        if kernel is not None and (hasattr(kernel, "backward") or len(x1) * _row_bytes(form, x1, x2, p) > KEPT_BYTES):
            return None
        kept = rule.forward(terms, x1[:, None], x2[:, None], p, y[:, None, None], KEPT_BYTES)
    if bias is not None:
        y += bias
    return y, kept


def backward(
    form: Form, grad_output: Array, x1: Array, x2: Array, bias: Array | None, backend: str | None,
    kept: rule.Kept | None = None,
) -> BilinearGrads | None:  # fmt: skip
    """All gradients; None where there is more to be done, or something is wrong."""
    settings = current()
    if not _is_open(settings.backend if backend is None else backend) or type(grad_output) is not np.ndarray:
        return None
    if not _fit(form, x1, x2, bias, settings):
        return None
    if grad_output.dtype != x1.dtype or grad_output.shape != (len(x1), form.shape[0]):
        return None
    dx1, dx2 = np.empty_like(x1), np.empty_like(x2)
    kernel = _kernel(form, x1, None, settings)
    if hasattr(kernel, "backward") and grad_output.flags.carray:
        learned = {name: np.empty_like(a) for name, a in form.parameters.items()}
        kernel.backward(grad_output, x1, x2, *form.parameters.values(), dx1, dx2, *learned.values())
    else:
        found: dict[str, Array] = {}
        with bound(_terms(form), _parts(form.parameters), found, 0, form.sizes, None, form.memo) as p:
            g, d1, d2 = grad_output[:, None, None], dx1[:, None], dx2[:, None]
            rule.backward(_terms(form), g, x1[:, None], x2[:, None], p, d1, d2, add=False, kept=kept)
        learned = {  # a core without terms adds nothing
            name: np.ascontiguousarray(found[name]) if name in found else np.zeros_like(a)
            for name, a in form.parameters.items()
        }
    dbias = None if bias is None else grad_output.sum(axis=0)
    return BilinearGrads(dx1, dx2, form.replace(learned), dbias)


def _is_open(asked: str | None) -> bool:
    """Whether the choice of the backend is left to the package."""
    return asked is None or resolve(asked).place is None


def _fit(form: Form, x1: Array, x2: Array, bias: Array | None, settings: Config) -> bool:
    """Whether kernels take these as they are: contiguous, aligned, writable, of one dtype, one row for each row."""
    if not (form.is_plain and type(x1) is type(x2) is np.ndarray and x1.dtype in FLOATS):
        return False
    dtype = x1.dtype
    for a in (x1, x2, *form.parameters.values()):
        if a.dtype != dtype or not a.flags.carray:
            return False
    if not len(x1) or x1.shape != (len(x2), form.shape[1]) or x2.shape != (len(x1), form.shape[2]):
        return False
    if bias is not None and not (type(bias) is np.ndarray and bias.dtype == dtype and bias.shape == form.shape[:1]):
        return False
    return 0 not in form.shape and not settings.batch_invariant and settings.precision == "float32"


def _row_bytes(form: Form, x1: Array, x2: Array, p: Bound) -> int:
    """What is kept of a row, in all terms; looked up after the first time."""
    found = form.memo.get("row")
    if found is None:
        rows = (rule.sides(term, x1[:1, None], x2[:1, None], p) for term in _terms(form))
        found = form.memo["row"] = sum(map(rule.held, rows))
    return int(found)


def _kernel(form: Form, x1: Array, backend: str | None, settings: Config) -> Any:
    if form.kernel is None:
        return None
    shapes = tuple(a.shape for a in form.parameters.values())
    return kernel_for(form.kernel, len(x1), shapes, x1.dtype, backend, settings)


def _terms(form: Form) -> tuple[Term, ...]:
    found = form.memo.get("terms")
    if found is None:
        found = form.memo["terms"] = form.terms
    terms: tuple[Term, ...] = found
    return terms


def _parts(parameters: Mapping[str, Array]) -> dict[str, Array]:
    return {name: a[None] for name, a in parameters.items()}


def rows(form: Form, parts: Mapping[str, Array], problem: Problem, backend: str | None) -> Callable[..., None] | None:
    """Y of paired rows that lie anywhere, as the plan's machinery calls a kernel; None where there is none."""
    kernel = kernel_of(form, parts, problem, backend)
    if kernel is None:
        return None
    operands = form.operands({name: part[0] for name, part in parts.items()})
    prepare = import_module("nbbilinear.backends.numba.arrays").prepare

    def forward(x1: Array, x2: Array, _w: Array, _b: Array, _which: Array | None, y: Array, _s: Array) -> None:
        lent = y if y.flags.carray else np.empty(y.shape, y.dtype)
        kernel.forward(*map(prepare, (x1, x2, *operands)), lent)
        if lent is not y:
            y[...] = lent

    return forward


def kernel_of(form: Form, parts: Mapping[str, Array], problem: Problem, backend: str | None) -> Any:
    """The module of the kernel for paired rows with one form; None where there is none."""
    alone = problem.structure == "rows" and not (problem.selected or problem.axes.mirrored)
    if form.kernel is None or not alone or problem.dtype not in FLOATS or any(len(part) > 1 for part in parts.values()):
        return None
    shapes = tuple(part.shape[1:] for part in parts.values())
    return kernel_for(form.kernel, problem.shared, shapes, problem.dtype, backend, current())


@lru_cache(maxsize=1024)
def kernel_for(
    name: str, count: int, shapes: tuple[Shape, ...], dtype: np.dtype[Any], backend: str | None, settings: Config
) -> Any:
    """The module of the kernel where it takes so many rows and, unasked, pays; else None.

    Numba is imported where it may pay.
    """
    asked = resolve(settings.backend if backend is None else backend)
    if asked.place not in (None, "numba") or asked.kernel not in KERNELS or not count:
        return None
    if asked.place is None and count * sum(int(np.prod(shape)) for shape in shapes) < SMALLEST:
        return None
    kernel = import_module(f"nbbilinear.backends.numba.forms.{name}")
    return kernel if kernel.takes(count, shapes, dtype) else None
