"""What may be optimised, with what, and by which rows; everything is checked before a step changes anything."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from ..errors import ConfigError, DTypeError, IndexRangeError, ShapeError, report

Array = Any


class Trainable(Protocol):
    """Anything with an array to train and the gradient collected for it, as ``Parameter``."""

    data: Any
    grad: Any


def listed(parameters: Iterable[Trainable]) -> list[Trainable]:
    """Return the parameters as a list; ConfigError where there are none, one is none, or one comes twice."""
    if not isinstance(parameters, Iterable):
        raise ConfigError(f"parameters must be several of them, as a list, got one {type(parameters).__name__}")
    found = list(parameters)
    wrong = [type(p).__name__ for p in found if not (hasattr(p, "data") and hasattr(p, "grad"))]
    if not found or wrong:
        raise ConfigError(f"parameters must have data and grad, got {', '.join(wrong) or 'none'}")
    if len({id(p) for p in found}) < len(found):
        raise ConfigError(
            f"parameters must be different ones, got {len({id(p) for p in found})} in {len(found)} places"
        )
    return found


def planned(
    parameters: Sequence[Trainable], states: Sequence[Mapping[str, Array]], touched: Mapping[Any, Array]
) -> list[tuple[int, Array | None]]:
    """Return position and rows (None: all) of every parameter that a step will change.

    Parameters
    ----------
    parameters : sequence of Trainable
    states : sequence of mapping of slot to array
        One for each parameter.
    touched : mapping of parameter to integer array

    Returns
    -------
    list of (int, array or None)
        Rows are sorted and come once.

    Raises
    ------
    ConfigError, ShapeError, DTypeError, IndexRangeError
        As :meth:`Optimizer.step`.
    """
    own = {id(p) for p in parameters}
    strange = [p for p in touched if id(p) not in own]
    if strange:
        raise ConfigError(f"touched must name parameters of this optimizer, got {strange[0]!r}")
    rows_of = {id(p): _rows(p, rows) for p, rows in touched.items()}
    changed = [position for position, p in enumerate(parameters) if p.grad is not None]
    for position in changed:
        _check_arrays(parameters[position], states[position])
    return [(position, rows_of.get(id(parameters[position]))) for position in changed]


def _check_arrays(parameter: Trainable, state: Mapping[str, Array]) -> None:
    data, grad = parameter.data, parameter.grad
    arrays = {"data": data, "grad": grad, **state}
    if isinstance(data, np.ma.MaskedArray) or isinstance(grad, np.ma.MaskedArray):
        fault = "a masked array is among them, whose mask would be lost"
        raise DTypeError(report(f"step: arrays of {_label(parameter)} do not fit", [fault], arrays))
    wrong = [name for name, array in arrays.items() if getattr(array, "shape", None) != data.shape]
    if wrong:
        faults = [f"{name} must have the shape of data" for name in wrong]
        raise ShapeError(report(f"step: arrays of {_label(parameter)} do not fit", faults, arrays))
    if not np.can_cast(grad.dtype, data.dtype, "same_kind"):
        fault = "grad must be of real numbers"
        raise DTypeError(report(f"step: gradient of {_label(parameter)} does not fit", [fault], arrays))
    if not getattr(data.flags, "writeable", True):
        raise ConfigError(f"step: the array of {_label(parameter)} is read-only, a step cannot change it")


def _rows(parameter: Trainable, rows: Array) -> Array:
    found = np.unique(rows)  # dispatched to the library of its argument; sorted, so that two rows tell the range
    operands = {"data": parameter.data, "touched": found}
    if not parameter.data.shape:
        raise ShapeError(report("step: touched", [f"{_label(parameter)} has no rows"], operands))
    if not found.size:
        return found.astype(np.intp)  # an empty list has no integers to tell from floats
    if found.dtype.kind not in "iu":
        raise DTypeError(report("step: touched", [f"rows of {_label(parameter)} must be integers"], operands))
    count = parameter.data.shape[0]
    if found[0] < -count or found[-1] >= count:
        fault = (
            f"rows of {_label(parameter)} must be >= -{count} and < {count}, got {int(found[0])} to {int(found[-1])}"
        )
        raise IndexRangeError(report("step: touched", [fault], operands))
    return np.unique(found.astype(np.intp) % count) if found[0] < 0 else found


def _label(parameter: Trainable) -> str:
    return getattr(parameter, "name", None) or "a parameter"
