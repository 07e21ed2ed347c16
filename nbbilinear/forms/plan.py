"""How a product with a form would be computed, and what that costs."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import calls as plain
from ..axes import Shape
from ..backends.costs import WORKSPACE_BYTES
from ..errors import ConfigError, ShapeError, report
from ..operands import take
from ..problem import Problem
from . import at_once
from .bind import bound
from .calls import asked_backend, forward, state_of
from .form import Form, Lead
from .steps import Bound, Map

Array = Any


class Step(NamedTuple):
    """A map or a core of a term, and its multiplications and additions."""

    name: str
    flop: int


class FormPlan(NamedTuple):
    """What :func:`nbbilinear.plan` says of a form. Print it.

    ``kernel`` computes y at once; where it is None the steps follow each other, in blocks of rows.
    """

    form: Form
    problem: Problem
    kernel: str | None
    steps: tuple[Step, ...]
    workspace_bytes: int
    backend: str | None
    operands: tuple[Shape | None, ...]

    @property
    def flop(self) -> int:
        """Multiplications and additions of all steps."""
        return sum(step.flop for step in self.steps)

    def run(
        self, x1: Array, x2: Array, weight: Form, bias: Array | None = None, *, index: Array | None = None,
        out: Array | None = None,
    ) -> Array:  # fmt: skip
        """Compute y for operands of the planned shapes.

        Parameters
        ----------
        x1, x2, weight, bias, index, out
            As :func:`nbbilinear.bilinear` takes them; the weight a form of the planned kind and sizes.

        Returns
        -------
        array
            y.

        Raises
        ------
        ShapeError
            An operand is not what was planned for.
        """
        if self.problem.wrt:
            raise ConfigError("Plan.run: this plan is for gradients; make one with backward=False")
        if type(weight) is not type(self.form) or weight.sizes != self.form.sizes:
            other = weight if isinstance(weight, Form) else type(weight).__name__
            raise ShapeError(f"Plan.run: planned for {self.form}, got {other}; plan again for another form")
        named = take("Plan.run", x1, x2, weight.blank(), bias, index).named()
        if _shapes(named) != self.operands:
            planned = zip(named, self.operands, strict=True)
            faults = [f"{name} was planned as {shape}" for name, shape in planned if shape is not None]
            raise ShapeError(report("Plan.run: operands are not those planned for", faults, named))
        return forward("Plan.run", x1, x2, weight, bias, index, out, self.backend)

    def __str__(self) -> str:
        wrt = f", gradients of {', '.join(self.problem.wrt)}" if self.problem.wrt else ""
        how = f"-> {self.kernel}, in one" if self.kernel else "-> step by step, in blocks of rows"
        return "\n".join([
            f"{self.form}: {self.problem}{wrt}",
            f"{self.flop:,} flop, at most {self.workspace_bytes:,} bytes of workspace",
            how,
            *(f"   {step.name:<44}{step.flop:20,} flop" for step in self.steps),
        ])  # fmt: skip


def plan(
    verb: str, x1: Array, x2: Array, weight: Form, bias: Array | None, index: Array | None,
    dtype: Any, of_gradients: bool, backend: str | None,
) -> FormPlan:  # fmt: skip
    """Plan for operands, or for tuples of sizes, as :func:`nbbilinear.plan` says."""
    lead = weight.lead(indexed=index is not None)
    blank = {"x1": x1, "x2": x2, "bias": bias, "index": index}
    for name, a in blank.items():
        if isinstance(a, tuple):
            kind = np.int64 if name == "index" else np.dtype(dtype or weight.dtype)
            blank[name] = np.broadcast_to(np.zeros((), kind), a)
    given = take(verb, blank["x1"], blank["x2"], weight.blank(), blank["bias"], blank["index"])
    wanted = plain.wanted_operands(verb, None, given) if of_gradients else ()
    problem = state_of(verb, weight, given, given, lead, wanted, None)
    asked = asked_backend(verb, backend)
    kernel = at_once.kernel_of(weight, weight.parts(lead), problem, asked)
    if of_gradients and not hasattr(kernel, "backward"):
        kernel = None
    steps = () if problem.is_empty else tuple(_steps(weight, lead, problem, asked))
    label = None if kernel is None else f"numba/forms.{weight.kernel}"
    shapes = _shapes(given.named())
    return FormPlan(weight, problem, label, steps, _workspace(problem, steps), backend, shapes)


def _shapes(named: dict[str, Array]) -> tuple[Shape | None, ...]:
    return tuple(None if a is None else a.shape for a in named.values())


def _steps(form: Form, lead: Lead, problem: Problem, backend: str | None) -> Iterator[Step]:
    """Backward a map is computed again and has two gradients; a core has two, and goes again where maps follow it."""
    s, n, m = problem.shared, problem.rows1, problem.rows2
    times = 3 if problem.wrt else 1
    terms = tuple(term.exchange() for term in form.terms) if problem.axes.mirrored else form.terms
    sizes = {**form.sizes, "k": problem.out_features}
    with bound(terms, form.parts(lead), None, 0, sizes, backend, form.memo) as p:
        for term in terms:
            first, u = _walk(term.first, (problem.in1,), p)
            second, v = _walk(term.second, (problem.in2,), p)
            yield from (Step(_title(step), times * s * n * step.flop(seen, p)) for step, seen in first)
            yield from (Step(_title(step), times * s * m * step.flop(seen, p)) for step, seen in second)
            again = 2 + bool(term.last) if problem.wrt else 1
            yield Step(_title(term.core), again * term.core.flop((s, n, m), u, v, p))
            if not term.last:
                continue
            none_of_u, none_of_v = (np.empty((1, 0, *features), form.dtype) for features in (u, v))
            last, _ = _walk(term.last, term.core.apply(none_of_u, none_of_v, p).shape[3:], p)
            yield from (Step(_title(step), times * s * n * m * step.flop(seen, p)) for step, seen in last)


def _title(step: Any) -> str:
    name = getattr(step, "name", "")
    return type(step).__name__ + (f" {name}" if name else "")


def _walk(maps: tuple[Map, ...], features: Shape, p: Bound) -> tuple[list[tuple[Map, Shape]], Shape]:
    """Each map with the features of the rows that it is given, and those of the rows after all."""
    found, row = [], np.empty((0, *features))
    for step in maps:
        found.append((step, tuple(row.shape[1:])))
        row = step.apply(row, p)
    return found, tuple(row.shape[1:])


def _workspace(problem: Problem, steps: tuple[Step, ...]) -> int:
    """Blocks of rows are cut so that what goes through the steps stays below this."""
    return WORKSPACE_BYTES if steps and problem.out_features else 0
