"""What a verb does with a form in the place of a weight."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np

from .. import backends, execute
from ..axes import Shape
from ..calls import collapse, filled_gradients, gradient_of_y, wanted_operands
from ..config import current
from ..errors import BackendError, ConfigError, MisfitError, ShapeError, report
from ..execute import BilinearGrads
from ..kinds import check_same_kind
from ..operands import Operands, take
from ..outputs import to_fill
from ..problem import Problem, Signature, state
from . import at_once
from .form import Form, Lead
from .rule import Kept
from .run import choice

Array = Any


def forward(
    verb: str, x1: Array, x2: Array, weight: Form, bias: Array | None, index: Array | None,
    out: Array | None, backend: str | None,
) -> Array:  # fmt: skip
    """Compute y, as :func:`nbbilinear.bilinear` says."""
    if index is None and out is None:
        y = at_once.forward(weight, x1, x2, bias, backend)
        if y is not None:
            return y
    lead = weight.lead(indexed=index is not None)
    given = take(verb, x1, x2, weight.blank(), bias, index)
    if out is not None:
        check_same_kind(verb, {"x1": x1, "x2": x2, "out": out})
    arranged, leading = collapse(given)
    problem = state_of(verb, weight, arranged, given, lead, (), leading)
    asked = asked_backend(verb, backend)
    if out is None:
        y = np.empty(problem.out_shape, given.dtype)
    else:
        y = to_fill(verb, "out", out, problem.out_shape, given.dtype, _named(weight, given))
    chosen = choice(weight, _parts(weight, lead, given), problem, None, asked)
    x1, x2, blank = _cast(arranged)
    execute.forward(chosen, x1, x2, blank, None, given.index, y, None)
    if given.bias is not None:
        y += given.bias if given.index is None else given.bias[given.index]
    if out is not None:
        return out
    return y if given.give_back is None else given.give_back(y)


def backward(
    verb: str, grad_output: Array, x1: Array, x2: Array, weight: Form, bias: Array | None, index: Array | None,
    wrt: Iterable[str] | None, out: BilinearGrads | None, accumulate: bool, backend: str | None,
    workspace: Array | None = None, kept: Kept | None = None,
) -> BilinearGrads:  # fmt: skip
    """Compute gradients, as :func:`nbbilinear.bilinear_backward` says; that of the weight is a form of its kind.

    ``kept``: of contiguous paired rows with one form, what :func:`nbbilinear.forms.rule.forward` returned for them.
    """
    if index is None and wrt is None and out is None and workspace is None and not accumulate:
        gradients = at_once.backward(weight, grad_output, x1, x2, bias, backend, kept)
        if gradients is not None:
            return gradients
    if workspace is not None:
        raise ConfigError(f"{verb}: a form takes no workspace, it has memory of its own; leave it out")
    lead = weight.lead(indexed=index is not None)
    given = take(verb, x1, x2, weight.blank(), bias, index)
    wanted = wanted_operands(verb, wrt, given)
    problem = state_of(verb, weight, given, given, lead, wanted, None)
    asked = asked_backend(verb, backend)
    plain = out._replace(weight=None) if isinstance(out, BilinearGrads) else out
    others = {f"out.{name}": a for name, a in (plain._asdict() if isinstance(plain, BilinearGrads) else {}).items()}
    check_same_kind(verb, {"grad_output": grad_output, "x1": x1, "x2": x2, **others})
    g = gradient_of_y(verb, grad_output, problem.out_shape, given)
    target = _checked(verb, weight, getattr(out, "weight", None), given) if "weight" in wanted else None
    arrays = filled_gradients(verb, plain, tuple(n for n in wanted if n != "weight"), given, accumulate, g)
    parts = _parts(weight, lead, given)
    learned = {name: np.zeros(a.shape, given.dtype) for name, a in parts.items()} if "weight" in wanted else None
    chosen = choice(weight, parts, problem, learned, asked, kept)
    x1, x2, blank = _cast(given)
    carry_out = execute.backward if given.uniform else execute.backward_unrounded
    carry_out(chosen, g.astype(given.dtype, copy=False), x1, x2, blank, given.index, arrays, None, accumulate)
    if given.give_back is not None:
        arrays = BilinearGrads(*(
            None if filled is None else given.give_back(filled) if one is None else one
            for filled, one in zip(arrays, plain or BilinearGrads(), strict=True)
        ))  # fmt: skip
    return arrays if learned is None else arrays._replace(weight=_settled(weight, learned, target, accumulate))


def _cast(given: Operands) -> tuple[Array, Array, Array]:
    """Inputs in the dtype to compute in: a form maps them before anything is multiplied."""
    return given.x1.astype(given.dtype, copy=False), given.x2.astype(given.dtype, copy=False), given.weight


def state_of(
    verb: str, form: Form, arranged: Operands, given: Operands, lead: Lead, wrt: tuple[str, ...], leading: Shape | None
) -> Problem:
    """The problem of the product, its bias left to the verb."""
    x1, x2, weight, bias, index, dtype, *_ = arranged
    shapes = (None if bias is None else bias.shape, None if index is None else index.shape)
    try:
        if index is not None and len(lead.stack) != 1:
            expected = ", ".join(f"{name} (count, {', '.join(form.axes[name])})" for name in form.parameters)
            raise MisfitError(f"with index, the form must be one of a stack: {expected}")  # noqa: TRY301
        if index is None and form.uneven:
            raise MisfitError("parameters differ in the number of outputs; a shared one is for use with index")  # noqa: TRY301
        problem = _stated(Signature(x1.shape, x2.shape, weight.shape, *shapes, dtype, wrt, leading))
    except MisfitError as misfit:
        raise ShapeError(report(f"{verb}: operands do not fit", misfit.faults, _named(form, given))) from None
    if current().precision != "float32":
        asked = current().precision
        raise BackendError(f"{verb}: precision {asked!r} needs matrix hardware; forms have 'float32' only")
    if current().batch_invariant:
        raise BackendError(f"{verb}: a form is computed by matrix products, whose bits depend on the rows beside a row")
    return problem


@lru_cache(maxsize=1024)
def _stated(signature: Signature) -> Problem:
    return state(signature)._replace(fused_bias=False)


def asked_backend(verb: str, backend: str | None) -> str | None:
    """The backend or kernel asked for, None where none is; BackendError where it computes on other libraries' arrays.

    Steps that have compiled loops, or a product planned within, go by it.
    """
    asked = current().backend if backend is None else backend
    named = backends.resolve(asked)
    if named.place is None:
        return None
    if backends.library(named.place) != "numpy":
        known = " and ".join(map(repr, backends.names("numpy")))
        raise BackendError(f"{verb}: backend {asked!r} has no forms; {known} have: name one of these, or none")
    return asked


def _parts(form: Form, lead: Lead, given: Operands) -> dict[str, Array]:
    return {name: a.astype(given.dtype, copy=False) for name, a in form.parts(lead).items()}


def _named(form: Form, given: Operands) -> dict[str, Array]:
    """The operands by name, the form by its parameters."""
    parameters = {f"weight.{name}": a for name, a in form.parameters.items()}
    return {"x1": given.x1, "x2": given.x2, **parameters, "bias": given.bias, "index": given.index}


def _checked(verb: str, form: Form, asked: Any, given: Operands) -> Form | None:
    """The form to fill, each parameter a fit array."""
    if asked is None:
        return None
    if type(asked) is not type(form) or asked.parameters.keys() != form.parameters.keys():
        fault = f"out.weight must be {type(form).__name__} of the weight's parameters, got {asked!r}"
        raise ShapeError(report(f"{verb}: cannot fill out.weight", [fault], _named(form, given)))
    for name, a in form.parameters.items():
        to_fill(verb, f"out.weight.{name}", asked.parameters[name], a.shape, a.dtype, _named(form, given))
    return asked


def _settled(form: Form, learned: dict[str, Array], asked: Form | None, accumulate: bool) -> Form:
    """The gradients in the shapes and dtypes of the parameters, in the form that is to be filled."""
    shaped = {name: learned[name].reshape(a.shape).astype(a.dtype, copy=False) for name, a in form.parameters.items()}
    if asked is None:
        return form.replace(shaped)
    for name, gradient in shaped.items():
        target = asked.parameters[name]
        if accumulate:
            np.add(target, gradient, out=target)
        else:
            np.copyto(target, gradient)
    return asked
