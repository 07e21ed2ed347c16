"""What the arguments of layers may be: sizes, devices, dtypes, sources of randomness, inputs."""

import operator
from typing import Any

import numpy as np

from ..errors import BackendError, ConfigError, DTypeError, ShapeError, report

Array = Any


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
    if found not in (np.dtype(np.float32), np.dtype(np.float64)):
        # Small steps vanish in half precision, integers take no gradient, and the optimisers know no conjugates.
        raise DTypeError(f"dtype of parameters must be float32 or float64, got {found}; convert with .astype first")
    return found


def check_device(device: str | None) -> None:
    """Refuse a device on which parameters cannot live.

    Parameters
    ----------
    device : str or None
        ``"cpu"`` or None.

    Raises
    ------
    BackendError
        The device is a CUDA device.
    ConfigError
        The device is unknown.

    Examples
    --------
    >>> check_device("cpu")
    """
    kind, _, number = device.partition(":") if isinstance(device, str) else ("", "", "")
    if kind == "cuda" and (number.isdecimal() or device == "cuda"):
        raise BackendError(f"device {device!r}: no CUDA backend is in this version yet; use 'cpu'")
    if device not in (None, "cpu"):
        raise ConfigError(f"device must be 'cpu' or None, got {device!r}; a dtype is given as dtype=")


def feature_count(name: str, value: int, least: int) -> int:
    """Return a number of features as an int; ConfigError where it is no whole number, ShapeError below ``least``."""
    try:
        size = operator.index(value)
    except TypeError:
        raise ConfigError(f"Bilinear: {name} must be a whole number, got {value!r}") from None
    if size < least:
        raise ShapeError(f"Bilinear: {name} must be {'> 0' if least else '>= 0'}, got {size}")
    return size


def random_generator(rng: int | np.random.Generator | None) -> np.random.Generator:
    """Return the generator itself, or a new one from a seed; ConfigError where it is neither."""
    if rng is None or isinstance(rng, np.random.Generator):
        return np.random.default_rng(rng)
    try:
        return np.random.default_rng(operator.index(rng))
    except (TypeError, ValueError):
        raise ConfigError(f"rng must be an int >= 0, a numpy.random.Generator or None, got {rng!r}") from None


def cast_operand(name: str, value: Array, dtype: np.dtype[Any]) -> Array:
    """Return real arrays and lists in a dtype: the same array where it has it, otherwise a copy.

    Complex, bool and object arrays are a DTypeError, ragged lists a ShapeError. Arrays of other libraries go on as they
    are, for the product to judge.
    """
    try:
        array = np.asarray(value) if isinstance(value, (list, tuple, int, float)) else value
    except ValueError as error:
        raise ShapeError(f"Bilinear: {name} is no regular array: {error}") from None
    found = getattr(array, "dtype", None)
    if not isinstance(found, np.dtype) or found == dtype or not hasattr(array, "astype"):
        return array
    if found.kind == "b" or not np.can_cast(found, dtype, "same_kind"):
        fault = f"{name} is {found}, which has no cast to the parameters' {dtype} without loss of meaning"
        raise DTypeError(report("Bilinear: an input cannot be cast", [fault], {name: array}))
    return array.astype(dtype)
