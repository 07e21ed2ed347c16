"""Loading an optimiser's state: everything fits, or the whole list of what does not."""

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import CheckpointError
from .checks import Array

_MOST = 2**53  # a step is counted in float64 where it is a power's exponent


def load_state(states: Sequence[Mapping[str, Array]], state: Mapping[str, Array]) -> list[int]:
    """Copy a state into the state arrays and return the step counts.

    Parameters
    ----------
    states : sequence of mapping of slot to array
        One mapping for each parameter, filled in place.
    state : mapping of str to array
        ``"<position>.step"`` and ``"<position>.<slot>"``.

    Returns
    -------
    list of int

    Raises
    ------
    CheckpointError
        The state does not fit; nothing was changed.

    Examples
    --------
    >>> momentum = np.zeros(2)
    >>> load_state([{"momentum": momentum}], {"0.step": 3, "0.momentum": [1, 2]})
    [3]
    >>> momentum
    array([1., 2.])
    """
    if not isinstance(state, Mapping):
        raise CheckpointError(
            f"the state of the optimizer must be a mapping of names to arrays, got {type(state).__name__}"
        )
    own = {f"{position}.{slot}": array for position, slots in enumerate(states) for slot, array in slots.items()}
    counts = [f"{position}.step" for position in range(len(states))]
    expected = {*own, *counts}
    faults = [f"{key} is missing" for key in (*counts, *own) if key not in state]
    faults += [f"{key} is unexpected" for key in state if key not in expected]
    fitting, steps = {}, []
    for key in (key for key in (*counts, *own) if key in state):
        try:
            if key in own:
                fitting[key] = _fitted(own[key], state[key])
            else:
                steps.append(_count(state[key]))
        except (RuntimeError, TypeError, ValueError) as error:
            faults.append(f"{key} {error}")
    if faults:
        raise CheckpointError("\n  - ".join(["the state does not fit the optimizer; nothing was loaded", *faults]))
    for key, array in fitting.items():
        own[key][...] = array
    return steps


def _fitted(slot: Array, value: Array) -> Array:
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError("is a masked array, whose mask would be lost")
    array = value if type(value) is type(slot) else np.asarray(value)
    if array.shape != slot.shape:
        raise ValueError(f"has shape {tuple(array.shape)}, expected {slot.shape}")
    if not np.can_cast(array.dtype, slot.dtype, "same_kind"):
        raise TypeError(f"has dtype {array.dtype}, expected real numbers")
    return array.astype(slot.dtype, copy=False)


def _count(value: Array) -> int:
    array = np.asarray(value)
    if array.shape != () or array.dtype.kind not in "iu" or not 0 <= array < _MOST:
        raise ValueError(f"must be a whole number >= 0 and < 2**53, got {value!r}")
    return int(array)
