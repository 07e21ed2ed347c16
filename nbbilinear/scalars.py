"""Arguments that are no arrays: numbers, counts, sources of randomness. Each refusal is a ConfigError with its name."""

import math
import operator
from typing import Any

import numpy as np

from .errors import ConfigError


def number(name: str, value: float, below: float = math.inf) -> float:
    """Return an argument as a float.

    Parameters
    ----------
    name : str
    value : float
    below : float, optional
        The argument must be less than this.

    Returns
    -------
    float

    Raises
    ------
    ConfigError
        It is not a finite number, negative, or not below the limit.

    Examples
    --------
    >>> number("lr", 1)
    1.0
    """
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not 0 <= found < below:
        limit = "a finite number >= 0" if math.isinf(below) else f"a number >= 0 and < {below:g}"
        raise ConfigError(f"{name} must be {limit}, got {value!r}")
    return found


def whole(name: str, value: Any, least: int | None = None) -> int:
    """Return an argument as an int; ConfigError where it is no whole number, or below ``least``.

    Examples
    --------
    >>> whole("size", np.int64(3), least=1)
    3
    """
    limit = "" if least is None else f" >= {least}"
    try:
        found = operator.index(value)
    except TypeError:
        raise ConfigError(f"{name} must be a whole number{limit}, got {value!r}") from None
    if least is not None and found < least:
        raise ConfigError(f"{name} must be a whole number{limit}, got {value!r}")
    return found


def flag(name: str, value: Any) -> bool:
    """Return an argument as a bool; ConfigError where it is neither True nor False.

    Examples
    --------
    >>> flag("bias", np.True_)
    True
    """
    if not isinstance(value, (bool, np.bool_)):
        raise ConfigError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def random_generator(rng: Any) -> np.random.Generator:
    """Return the generator itself, or a new one from a seed; ConfigError where it is neither."""
    if rng is None or isinstance(rng, (np.random.Generator, np.random.BitGenerator, np.random.SeedSequence)):
        return np.random.default_rng(rng)
    try:
        return np.random.default_rng(operator.index(rng))
    except (TypeError, ValueError):
        raise ConfigError(f"rng must be an int >= 0, a numpy.random.Generator or None, got {rng!r}") from None
