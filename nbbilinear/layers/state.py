"""Loading a state into parameters: everything fits, or the whole list of what does not."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..devices import placed
from ..errors import CheckpointError
from .arguments import Array
from .parameter import Parameter


class LoadReport(NamedTuple):
    """What did not fit when a state was loaded; each is a tuple of parameter names."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[str, ...]


def load_state(own: Mapping[str, Parameter], state: Mapping[str, Array], *, owner: str, strict: bool) -> LoadReport:
    """Copy the arrays of a state into the parameters of the same names; see :meth:`Module.load_state_dict`.

    Parameters
    ----------
    own : mapping of name to Parameter
    state : mapping of name to array
    owner : str
        Whose parameters they are, for the message.
    strict : bool

    Returns
    -------
    LoadReport

    Raises
    ------
    CheckpointError
        ``strict``, and something does not fit. Nothing was changed.

    Examples
    --------
    >>> own = {"weight": Parameter(np.zeros(2))}
    >>> load_state(own, {"weight": [1, 2], "bias": [3]}, owner="Bilinear", strict=False)
    LoadReport(missing=(), unexpected=('bias',), mismatched=())
    >>> own["weight"].data
    array([1., 2.])
    """
    if not isinstance(state, Mapping):
        raise CheckpointError(f"the state of {owner} must be a mapping of names to arrays, got {type(state).__name__}")
    fitting: dict[str, Array] = {}
    faults: dict[str, str] = {}
    for name in (name for name in own if name in state):
        try:
            fitting[name] = _fitted(own[name], state[name])
        except (RuntimeError, TypeError, ValueError) as error:  # torch refuses a tensor with RuntimeError
            faults[name] = str(error)
    missing = tuple(name for name in own if name not in state)
    unexpected = tuple(name for name in state if name not in own)
    found = LoadReport(missing, unexpected, tuple(faults))
    if strict and any(found):
        lines = [f"{name} is missing" for name in missing]
        lines += [f"{name} is unexpected" for name in unexpected]
        lines += [f"{name} {fault}" for name, fault in faults.items()]
        raise CheckpointError("\n  - ".join([f"the state does not fit {owner}; nothing was loaded", *lines]))
    for name, array in fitting.items():
        own[name].data[...] = placed(array, own[name].data)
    return found


def _fitted(parameter: Parameter, value: Array) -> Array:
    """Return the value as an array that can be copied into the parameter without failing."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError("is a masked array, whose mask would be lost")
    array = value if type(value) is type(parameter.data) else np.asarray(value)
    if tuple(array.shape) != parameter.shape:
        raise ValueError(f"has shape {tuple(array.shape)}, expected {parameter.shape}")
    if not np.can_cast(array.dtype, parameter.dtype, "same_kind"):
        raise TypeError(f"has dtype {array.dtype}, expected real numbers")
    if not getattr(parameter.data.flags, "writeable", True):
        raise ValueError(f"is read-only here ({type(parameter.data).__name__})")
    return array.astype(parameter.dtype, copy=False)
