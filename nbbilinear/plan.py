"""Choose the kernel for a problem, once per set of shapes, and be able to say why."""

from functools import lru_cache
from math import inf
from typing import Any, NamedTuple

import numpy as np

from . import backends, execute
from .axes import Shape
from .backends.contract import Backend, KernelSet
from .backends.widened import widened
from .config import Config, current, under
from .errors import BackendError, ConfigError, MisfitError, ShapeError, report
from .execute import Choice
from .layout import is_plain, lay_out
from .operands import Operands, computed_in, library_of, take
from .outputs import to_fill
from .problem import Problem, Signature, state

Array = Any
KEPT_BYTES = 8 << 20  # most that a product keeps for its gradients, beside the operands: what else a thread may use
_MOVE = {
    "numpy": "move them with cupy.asarray(x), a layer with .to('cuda')",
    "cupy": "name no backend, or 'cuda' or 'cupy'; or move them with x.get(), a layer with .to('cpu')",
}


class Plan(NamedTuple):
    """The kernel chosen for a problem, and those passed over, cheapest first. Print it to see why.

    ``at_once``: the choice, if its kernel takes contiguous operands as they are. ``vectors``: the setting that it was
    made under, and runs under: kernels and workspace are cut for it.
    """

    signature: Signature
    choices: tuple[Choice, ...]
    at_once: Choice | None
    vectors: str = "auto"

    @property
    def chosen(self) -> Choice:
        """The kernel that runs, with the problem as it meets it."""
        return self.choices[0]

    @property
    def workspace_bytes(self) -> int:
        """Bytes that the kernel needs beside operands and results."""
        return self.chosen.workspace * self.signature.dtype.itemsize

    @property
    def flop(self) -> int:
        """Multiplications and additions of the chosen kernel."""
        problem = self.chosen.problem
        with under(self.vectors):
            work = None if problem.is_empty else self.chosen.kernel.work(problem)
        return 0 if work is None else work.flop * problem.axes.count(problem.axes.split)

    def run(
        self,
        x1: Array,
        x2: Array,
        weight: Array,
        bias: Array | None = None,
        *,
        index: Array | None = None,
        out: Array | None = None,
        workspace: Array | None = None,
    ) -> Array:
        """Compute y for operands of the planned shapes and dtypes.

        Parameters
        ----------
        x1, x2, weight, bias, index, out
            As :func:`nbbilinear.bilinear` takes them.
        workspace : (workspace_bytes // itemsize,) array, optional
            Flat, contiguous, of the operands' dtype; float32 for half floats. With ``out`` and this, contiguous
            operands cost no allocation of their size.

        Returns
        -------
        array
            y.

        Raises
        ------
        ShapeError, DTypeError
            An operand is not what was planned for.
        """
        given = take("Plan.run", x1, x2, weight, bias, index)
        _check_library(self.chosen.kernel.name, library_of(given.x1))
        if self.signature.wrt:
            raise ConfigError("Plan.run: this plan is for gradients; make one with backward=False")
        shapes = tuple(None if a is None else a.shape for a in given[:5])
        asked = (*shapes, computed_in(given.dtype), given.uniform, given.stored)
        if asked != (*self.signature[:6], self.signature.uniform, self.signature.stored):
            planned = zip(given.named(), self.signature[:5], strict=True)
            dtype = self.signature.stored or self.signature.dtype.name
            if not (self.signature.uniform or self.signature.stored):
                dtype = f"to be computed in {dtype}"
            faults = [f"{name} was planned as {shape} {dtype}" for name, shape in planned if shape]
            raise ShapeError(report("Plan.run: operands are not those planned for", faults, given.named()))
        with under(self.vectors):
            return self.fill("Plan.run", given, given, out, workspace)

    def fill(self, verb: str, arranged: Operands, given: Operands, out: Array | None, workspace: Array | None) -> Array:
        """Compute y of ``arranged`` operands, for a caller of ``verb`` who gave ``given`` ones."""
        chosen, dtype = self.chosen, given.dtype
        if out is None:
            y = chosen.backend.empty(chosen.problem.out_shape, dtype)
        else:
            y = to_fill(verb, "out", out, chosen.problem.out_shape, dtype, given.named())
        execute.forward(chosen, *arranged[:5], y, self.room(verb, workspace))
        back = y if given.give_back is None else given.give_back(y)  # which also orders the caller's stream after ours
        return back if out is None else out

    def room(self, verb: str, workspace: Array | None) -> Array | None:
        """Memory for the kernel to work in: the caller's where it fits, new where there is none."""
        chosen = self.chosen
        if workspace is None:
            return chosen.scratch()
        if workspace.shape != (chosen.workspace,) or not _is_workspace(workspace, self.signature.dtype):
            fault = f"expected ({chosen.workspace},) of {self.signature.dtype}, contiguous and writable"
            raise ShapeError(report(f"{verb}: workspace does not fit", [fault], {"workspace": workspace}))
        return workspace

    def __str__(self) -> str:
        problem, axes = self.chosen.problem, self.chosen.problem.axes
        lines = [
            f"{problem}" + (f", gradients of {', '.join(self.signature.wrt)}" if self.signature.wrt else ""),
            *([] if self.chosen.as_stored else [f"operands are converted to {problem.dtype} block by block"]),
            *(["x1 and x2 are exchanged: rows1 and in1 are those of x2"] if axes.mirrored else []),
            f"{self.flop:,} flop, {self.workspace_bytes:,} bytes of workspace",
        ]
        if axes.split:
            lines.append(f"in {axes.count(axes.split)} slices along leading axes {axes.split}")
        if problem.is_empty:
            return "\n".join([*lines, "nothing is multiplied: sums over no terms"])
        lines += [
            f"{'->' if choice is self.chosen else '  '} {choice.label:<44}{choice.seconds * 1e6:14,.1f} us expected"
            for choice in self.choices
        ]
        return "\n".join(lines)


def plan_for(
    verb: str, given: Operands, wrt: tuple[str, ...] = (), lead: Shape | None = None, backend: str | None = None
) -> Plan:
    """Return the plan for a call of ``verb``, under the settings in force."""
    x1, x2, weight, bias, index, dtype, _, uniform, library, stored = given
    try:
        return _plan(
            x1.shape, x2.shape, weight.shape, None if bias is None else bias.shape,
            None if index is None else index.shape, dtype, wrt, lead, uniform, stored, library, backend, current(),
        )  # fmt: skip
    except MisfitError as misfit:
        raise ShapeError(report(f"{verb}: operands do not fit", misfit.faults, given.named())) from None


class Both(NamedTuple):
    """The choices for a product and all its gradients, and how much the one keeps for the other: 0 where nothing.

    ``at_once``: their kernels take contiguous operands as they are.
    """

    forward: Choice
    backward: Choice
    kept: int
    at_once: bool


def both_for(
    x1: Shape, x2: Shape, weight: Shape, bias: Shape | None, index: Shape | None, dtype: np.dtype[Any],
    wrt: tuple[str, ...], uniform: bool, stored: str | None, library: str | None, backend: str | None,
) -> Both:  # fmt: skip
    """Plan a product together with its gradients; raise MisfitError where the shapes do not fit."""
    return _both(x1, x2, weight, bias, index, dtype, wrt, uniform, stored, library, backend, current())


@lru_cache(maxsize=1024)
def _both(
    x1: Shape, x2: Shape, weight: Shape, bias: Shape | None, index: Shape | None, dtype: np.dtype[Any],
    wrt: tuple[str, ...], uniform: bool, stored: str | None, library: str | None, name: str | None, settings: Config,
) -> Both:  # fmt: skip
    operands, rest = (x1, x2, weight, bias, index, dtype), (None, uniform, stored, library, name, settings)
    ahead, back = _plan(*operands, (), *rest), _plan(*operands, wrt, *rest)
    apart = Both(ahead.chosen, back.chosen, 0, None not in (ahead.at_once, back.at_once))
    least, best, shapes = ahead.chosen.seconds + back.chosen.seconds, apart, (x1, x2, weight, bias, index)
    labels = {choice.label: choice for choice in ahead.choices}
    for choice in back.choices if uniform and not {"x1", "x2", "weight"} - set(wrt) else ():
        seconds, elements = _keeping(choice)
        if seconds < least:
            least, best = seconds, Both(labels[choice.label], choice, elements, _takes_as_they_are(choice, *shapes))
    return best


def _keeping(choice: Choice) -> tuple[float, int]:
    """Seconds for y and all gradients where the one keeps for the others, infinite if it does not; and how much."""
    keep, problem = choice.kernel.keep, choice.problem
    if keep is None or problem.is_empty or problem.axes.split or problem.axes.repeated:
        return inf, 0
    elements = keep.elements(problem)
    work = keep.work(problem) if elements * problem.dtype.itemsize <= KEPT_BYTES else None
    return inf if work is None else choice.kernel.speed.seconds(work, problem.dtype), elements


def at_once(
    x1: Shape, x2: Shape, weight: Shape, bias: Shape | None, index: Shape | None, dtype: np.dtype[Any],
    wrt: tuple[str, ...], backend: str | None,
) -> Choice | None:  # fmt: skip
    """The choice whose kernel takes operands of these shapes as they are; None where more is to be done, or wrong."""
    try:
        return _plan(x1, x2, weight, bias, index, dtype, wrt, None, True, None, "numpy", backend, current()).at_once
    except MisfitError:
        return None  # for the long way to explain


@lru_cache(maxsize=1024)
def _plan(
    x1: Shape, x2: Shape, weight: Shape, bias: Shape | None, index: Shape | None, dtype: np.dtype[Any],
    wrt: tuple[str, ...], lead: Shape | None, uniform: bool, stored: str | None, library: str | None, name: str | None,
    settings: Config,
) -> Plan:  # fmt: skip
    """Plan by the parts of a signature: one tuple to build and hash, on the way of every call."""
    signature = Signature(x1, x2, weight, bias, index, computed_in(dtype), wrt, lead, uniform, stored)
    problem = state(signature)
    named = backends.resolve(settings.backend if name is None else name)
    whole = bias is None or problem.fused_bias  # else parts of y are added up in float32, and then rounded
    as_stored = stored if whole and not problem.axes.split else None
    found = _choices(problem, uniform, as_stored, _places(named.place, library), named, settings)
    choices = sorted(found, key=lambda choice: choice.seconds)
    if not choices:
        wanted = " that computes each row by itself" if settings.batch_invariant else ""
        asked = named.kernel or named.place or "any"
        raise BackendError(f"backend {asked!r} has no kernel{wanted} for {problem}{_why(named, library)}")
    at_once = choices[0] if _takes_as_they_are(choices[0], x1, x2, weight, bias, index) else None
    return Plan(signature, tuple(choices), at_once, settings.vectors)


def _why(named: backends.Named, library: str | None) -> str:
    """What the kernels of this name lack, as the end of a sentence."""
    kernels = [kernel for _, here in _places(named.place, library) for kernel in here.kernels]
    found = {kernel.lacks() for kernel in kernels if named.means(kernel.name)}
    return "".join(f": {lack}" for lack in sorted(filter(None, found)))


def _takes_as_they_are(
    choice: Choice, x1: Shape, x2: Shape, weight: Shape, bias: Shape | None, index: Shape | None
) -> bool:
    """Whether the kernel takes contiguous rows as they are, of which each may choose a weight."""
    if choice.layout.mirrored or not len(x1) == len(x2) == 2 or x1[0] != x2[0]:
        return False
    if index is None:
        return choice.straight and len(weight) == 3 and (bias is None or len(bias) == 1)
    return index == x1[:1] and not choice.problem.is_empty and choice.problem.structure == "rows"


def _choices(
    problem: Problem, uniform: bool, stored: str | None, places: list[tuple[str, Backend]], named: backends.Named,
    settings: Config,
) -> list[Choice]:  # fmt: skip
    """Every kernel that takes the problem; where both orders of x1 and x2 are open, in both."""
    orders = [problem]
    if not set(problem.axes.selecting) & set(problem.axes.only2):
        orders.append(problem.mirror())
    found, imprecise = [], []
    for place, here in places:
        for kernel in here.kernels:
            if not named.means(kernel.name):
                continue
            if problem.dtype == np.float32 and settings.precision not in kernel.precisions:
                imprecise.append(kernel)
            elif kernel.batch_invariant or not settings.batch_invariant:
                found += [
                    _choice(kernel, place, order, uniform, stored)
                    for order in (orders if kernel.exchange else orders[:1])
                ]
    takers = [choice for choice in found if choice.seconds < inf]
    if imprecise and not takers:
        known = ", ".join(sorted({repr(precision) for kernel in imprecise for precision in kernel.precisions}))
        raise BackendError(
            f"no kernel here takes {problem} in precision {settings.precision!r}, which may need tensor cores; "
            f"{named.kernel or ' or '.join(place for place, _ in places)!r} computes float32 in {known}: "
            "choose with nbbilinear.config(precision=...)"
        )
    return takers


def _places(place: str | None, library: str | None) -> list[tuple[str, Backend]]:
    """The backend that is asked for; unasked, all that can run here, for arrays of NumPy where nothing says which."""
    if place is not None:
        if library is not None:
            _check_library(place, library)
        return [(place, backends.backend(place))]
    present = [place for place in backends.names(library or "numpy") if backends.is_present(place)]
    if not present:
        present = list(backends.names(library or "numpy"))[:1]  # whose absence is then told
    return [(place, backends.backend(place)) for place in present]


def _check_library(name: str, given: str) -> None:
    """Refuse operands of another library than the backend, or the kernel, of this name computes on."""
    library = backends.library(name.partition("/")[0])
    if library != given:
        raise BackendError(
            f"backend {name!r} computes on arrays of {library}, the operands are {given}'s: {_MOVE[given]}"
        )


def _choice(kernel: KernelSet, place: str, problem: Problem, uniform: bool, stored: str | None) -> Choice:
    here = backends.backend(place)
    native = dict(kernel.stored).get(stored) if stored else None
    as_stored = uniform
    if native is not None and native.cost(problem) < inf:
        kernel, as_stored = native, True
    if not as_stored:  # blocks are converted from wherever they lie
        kernel = widened(kernel, problem, here.convert)
        here = here._replace(prepare=_as_is, prepare_strided=_as_is)
    slices = problem.axes.count(problem.axes.split)
    seconds = 0.0 if problem.is_empty else slices * kernel.cost(problem)
    workspace = 0 if problem.is_empty or seconds == inf else kernel.workspace(problem)
    straight = not (problem.is_empty or problem.selected or problem.axes.repeated) and problem.out_axis
    return Choice(kernel, here, problem, lay_out(problem), seconds, workspace, straight, as_stored)


def _as_is(array: Array) -> Array:
    return array


def _is_workspace(array: Array, dtype: np.dtype[Any]) -> bool:
    return bool(array.dtype == dtype and is_plain(array))
