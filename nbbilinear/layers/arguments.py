"""What the arguments of layers may be: sizes, devices, dtypes, inputs."""

from typing import Any

import numpy as np

from .. import devices
from ..errors import BackendError, ConfigError, DTypeError, ShapeError, report
from ..scalars import whole

Array = Any
_DTYPES = np.dtype(np.float32), np.dtype(np.float64)


def parameter_dtype(dtype: Any) -> np.dtype[Any]:
    """Return the element type in native byte order, or refuse it.

    Parameters
    ----------
    dtype : anything ``numpy.dtype`` takes

    Returns
    -------
    numpy.dtype
        float32 or float64.

    Raises
    ------
    DTypeError
        It is another one, or none.

    Examples
    --------
    >>> parameter_dtype(">f8")
    dtype('float64')
    """
    try:
        found: np.dtype[Any] = np.dtype(dtype).newbyteorder("=")
    except TypeError:
        raise DTypeError(f"dtype of parameters must be float32 or float64, got {dtype!r}") from None
    if found not in _DTYPES:
        # Small steps vanish in half precision, integers take no gradient, and the optimisers know no conjugates.
        raise DTypeError(f"dtype of parameters must be float32 or float64, got {found}; convert with .astype first")
    return _DTYPES[_DTYPES.index(found)]  # NumPy's own object, not a copy: the first look compares objects


def check_device(device: str | None) -> None:
    """Refuse a device on which parameters cannot live.

    Parameters
    ----------
    device : str or None
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``, or None: where they are.

    Raises
    ------
    BackendError
        CUDA cannot be used here; the message says what is missing.
    ConfigError
        The device is unknown.

    Examples
    --------
    >>> check_device("cpu")
    """
    kind, _, number = device.partition(":") if isinstance(device, str) else ("", "", "")
    if kind == "cuda" and (number.isdecimal() or device == "cuda"):
        try:
            devices.load()
        except ImportError as missing:
            raise BackendError(f"device {device!r} cannot be used here: {missing}") from None
    elif device not in (None, "cpu"):
        raise ConfigError(f"device must be 'cpu', 'cuda' or 'cuda:N', got {device!r}; a dtype is given as dtype=")


def feature_count(owner: str, name: str, value: int, least: int) -> int:
    """Return a number of features as an int; ConfigError where it is no whole number, ShapeError below ``least``."""
    size = whole(f"{owner}: {name}", value)
    if size < least:
        raise ShapeError(f"{owner}: {name} must be {'> 0' if least else '>= 0'}, got {size}")
    return size


def cast_operand(owner: str, name: str, value: Array, dtype: np.dtype[Any]) -> Array:
    """Return real arrays and lists in a dtype: the same array where it has it, otherwise a copy.

    Complex, bool and object arrays are a DTypeError, ragged lists a ShapeError. Arrays of other libraries go on as they
    are, for the product to judge.
    """
    try:
        array = np.asarray(value) if isinstance(value, (list, tuple, int, float)) else value
    except ValueError as error:
        raise ShapeError(f"{owner}: {name} is no regular array: {error}") from None
    found = getattr(array, "dtype", None)
    if not isinstance(found, np.dtype) or found == dtype or not hasattr(array, "astype"):
        return array
    if found.kind == "b" or not np.can_cast(found, dtype, "same_kind"):
        fault = f"{name} is {found}, which has no cast to the parameters' {dtype} without loss of meaning"
        raise DTypeError(report(f"{owner}: an input cannot be cast", [fault], {name: array}))
    return array.astype(dtype)
