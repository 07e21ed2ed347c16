"""What every verb does: take the operands, find the plan, make or check the outputs, run."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from . import execute, plain
from .axes import Shape
from .errors import ConfigError, DTypeError, ShapeError, report
from .execute import BilinearGrads, Choice
from .kinds import as_arrays, check_same_kind, check_same_place
from .operands import Operands, as_index, common_dtype, computed_in, gathered, library_of, take
from .outputs import to_fill
from .plan import Plan, plan_for

Array = Any


def forward(
    verb: str, x1: Array, x2: Array, weight: Array, bias: Array | None, index: Array | None,
    out: Array | None, backend: str | None,
) -> Array:  # fmt: skip
    """Compute y, as :func:`nbbilinear.bilinear` says; ``verb`` is what messages call it."""
    y = plain.forward(x1, x2, weight, bias, index, backend) if out is None else None
    if y is not None:
        return y
    given = take(verb, x1, x2, weight, bias, index)
    if out is not None:
        check_same_kind(verb, {"x1": x1, "x2": x2, "weight": weight, "out": out})
    return product(verb, given, out, backend)


def product(verb: str, given: Operands, out: Array | None, backend: str | None) -> Array:
    """Compute y of operands that were taken in."""
    arranged, lead = collapse(given)
    chosen = plan_for(verb, arranged, lead=lead, backend=backend)
    return chosen.fill(verb, arranged, given, out, None)


def backward(
    verb: str, grad_output: Array, x1: Array, x2: Array, weight: Array, bias: Array | None, index: Array | None,
    wrt: Iterable[str] | None, out: BilinearGrads | None, accumulate: bool, backend: str | None,
    workspace: Array | None = None,
) -> BilinearGrads:  # fmt: skip
    """Compute gradients, as :func:`nbbilinear.bilinear_backward` says."""
    if wrt is None and out is None and workspace is None and not accumulate:
        at_hand = plain.backward(grad_output, x1, x2, weight, bias, index, backend)
        if at_hand is not None:
            return at_hand
    given = take(verb, x1, x2, weight, bias, index)
    wanted = wanted_operands(verb, wrt, given)
    planned = given if "bias" in wanted else given._replace(bias=None)
    found = plan_for(verb, planned, wanted, backend=backend)
    originals, room = {"x1": x1, "x2": x2, "weight": weight}, found.room(verb, workspace)
    return gradients(verb, grad_output, given, originals, wanted, out, accumulate, found.chosen, room)


def gradients(
    verb: str, grad_output: Array, given: Operands, originals: dict[str, Any], wanted: tuple[str, ...],
    out: BilinearGrads | None, accumulate: bool, chosen: Choice, room: Array | None,
) -> BilinearGrads:  # fmt: skip
    """Compute, as chosen, the gradients of operands that were taken in; ``originals`` are what the caller gave."""
    plain = type(grad_output) is type(given.x1) is np.ndarray and given.give_back is None
    if out is not None or not plain:
        others = {f"out.{name}": a for name, a in (out._asdict() if isinstance(out, BilinearGrads) else {}).items()}
        check_same_kind(verb, {"grad_output": grad_output, **originals, **others})
    g = gradient_of_y(verb, grad_output, chosen.problem.out_shape, given)
    filled = filled_gradients(verb, out, wanted, given, accumulate, g, chosen.backend.empty)
    execute.backward(chosen, g, *given[:3], given.index, filled, room, accumulate)
    if given.give_back is None:
        return filled
    back = [None if one is None else given.give_back(one) for one in filled]  # in order with our stream
    return BilinearGrads(*(own if asked is None else asked for own, asked in zip(back, out or back, strict=True)))


def plan(
    verb: str, x1: Array, x2: Array, weight: Array, bias: Array | None, index: Array | None,
    dtype: Any, of_gradients: bool, backend: str | None,
) -> Plan:  # fmt: skip
    """Plan for operands, or for tuples of sizes, as :func:`nbbilinear.plan` says."""
    named = {"x1": x1, "x2": x2, "weight": weight, "bias": bias, "index": index}
    sizes = {name: a for name, a in named.items() if isinstance(a, tuple)}
    blank = {
        name: _blank(verb, name, a, np.int64 if name == "index" else dtype or np.float32) for name, a in sizes.items()
    }
    arrays = as_arrays(verb, {name: a for name, a in named.items() if name not in sizes})[0]
    library = next((library_of(a) for a in arrays.values() if a is not None), None)
    operands = {name: (blank | arrays)[name] for name in named}
    chosen = operands.pop("index") if "index" in sizes else as_index(verb, operands.pop("index"), operands)
    given = gathered(operands, chosen, common_dtype(verb, operands), None)._replace(library=library)
    if of_gradients:
        return plan_for(verb, given, wanted_operands(verb, None, given), backend=backend)
    arranged, lead = (given, None) if isinstance(x1, tuple) or isinstance(x2, tuple) else collapse(given)
    return plan_for(verb, arranged, lead=lead, backend=backend)


def collapse(given: Operands) -> tuple[Operands, Shape | None]:
    """Take one of every run of repeated rows (stride 0), and the leading shape that they stood for."""
    if given.x1.flags.c_contiguous and given.x2.flags.c_contiguous:
        return given, None
    x1, x2 = _once(given.x1), _once(given.x2)
    if x1 is given.x1 and x2 is given.x2:
        return given, None
    lead_weight = given.weight.shape[:-3] if given.index is None else given.index.shape
    try:
        lead = np.broadcast_shapes(given.x1.shape[:-1], given.x2.shape[:-1], lead_weight)
    except ValueError:
        return given, None  # for the plan to refuse, with the shapes as they were given
    return given._replace(x1=x1, x2=x2), lead


def _blank(verb: str, name: str, operand: Any, dtype: Any) -> Array:
    """An operand as it is; given by its sizes, an array of them that takes no memory."""
    if not isinstance(operand, tuple):
        return operand
    if not all(isinstance(size, int) and size >= 0 for size in operand):
        raise ShapeError(f"{verb}: {name} must be an array or a tuple of sizes, got {operand!r}")
    return np.broadcast_to(np.zeros((), dtype), operand)


def _once(array: Array) -> Array:
    if 0 not in array.strides[:-1] or not array.size:
        return array
    leading = zip(array.strides[:-1], array.shape[:-1], strict=True)
    return array[tuple(slice(0, 1) if stride == 0 and size > 1 else slice(None) for stride, size in leading)]


def wanted_operands(verb: str, wrt: Iterable[str] | None, given: Operands) -> tuple[str, ...]:
    """The operands to differentiate by, in their order; refused where one is absent or of integers."""
    names = ("x1", "x2", "weight") if given.bias is None else ("x1", "x2", "weight", "bias")
    asked = names if wrt is None else (wrt,) if isinstance(wrt, str) else tuple(wrt)
    if absent := [name for name in asked if name not in names]:
        wrong = ", ".join(map(repr, absent))
        raise ConfigError(f"{verb}: wrt names {wrong}, but the operands are {', '.join(names)}")
    wanted = tuple(name for name in names if name in asked)
    if not given.uniform or given.dtype.kind in "iu":
        operands = given.named()
        integers = [name for name in wanted if operands[name].dtype.kind in "iu"]
        if integers:
            faults = [f"{name} has dtype {operands[name].dtype}; integers have no gradients" for name in integers]
            raise DTypeError(report(f"{verb}: cannot differentiate", faults, operands))
    return wanted


def gradient_of_y(verb: str, grad_output: Array, shape: Shape, given: Operands) -> Array:
    """``grad_output`` as an array of y's shape and the dtype to compute in."""
    if type(grad_output) is np.ndarray and grad_output.dtype == given.dtype and grad_output.shape == shape:
        return grad_output
    g = as_arrays(verb, {"grad_output": grad_output})[0]["grad_output"]
    if given.library != "numpy":
        check_same_place(verb, {"grad_output": g, **given.named()})
    common_dtype(verb, {"grad_output": g})
    if g.shape != shape:
        fault = f"grad_output has shape {g.shape}, y has {shape}"
        raise ShapeError(report(f"{verb}: operands do not fit", [fault], {"grad_output": g, **given.named()}))
    if not given.uniform and g.dtype in (given.dtype, computed_in(given.dtype)):
        return g  # converted with the operands
    return g.astype(computed_in(given.dtype), copy=False)


def filled_gradients(
    verb: str, out: BilinearGrads | None, wanted: tuple[str, ...], given: Operands, accumulate: bool, g: Array,
    empty: Callable[..., Array] = np.empty,
) -> BilinearGrads:  # fmt: skip
    """The arrays for the wanted gradients: those of ``out``, new ones where it has none."""
    operands = given.named()
    if out is None and given.uniform and not accumulate:
        return BilinearGrads(**{name: empty(operands[name].shape, given.dtype) for name in wanted})
    if not isinstance(out, BilinearGrads | None):
        raise DTypeError(f"{verb}: out must be BilinearGrads(x1=..., x2=..., ...) of arrays, got {type(out).__name__}")
    offered = (out or BilinearGrads())._asdict()
    inputs = {"grad_output": g, **operands}
    filled: dict[str, Array] = {}
    for name in wanted:
        shape, dtype = operands[name].shape, operands[name].dtype.newbyteorder("=")
        if offered[name] is None:
            filled[name] = np.zeros_like(operands[name], dtype, order="C") if accumulate else empty(shape, dtype)
        else:
            filled[name] = to_fill(verb, f"out.{name}", offered[name], shape, dtype, inputs)
            inputs |= {f"out.{name}": filled[name]}
    return BilinearGrads(**filled)
