"""Initial values of a head's parameters, by tinyBIG's names and rules."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ConfigError

Array = Any
Draw = Callable[[np.random.Generator, tuple[int, ...], int, int], Array]


def _xavier_normal(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
    return rng.normal(0.0, math.sqrt(2 / (fan_in + fan_out)), shape)


def _xavier_uniform(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
    bound = math.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-bound, bound, shape)


def _kaiming_uniform(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:  # noqa: ARG001
    bound = 1 / math.sqrt(fan_in)
    return rng.uniform(-bound, bound, shape)


METHODS: dict[str, Draw] = {
    "xavier_normal": _xavier_normal,
    "xavier_uniform": _xavier_uniform,
    "kaiming_uniform": _kaiming_uniform,
}
ALL_METHODS = (*METHODS, "fanout_std_uniform")


def initial_values(
    method: str, shapes: dict[str, tuple[int, ...]], outputs: int, rng: np.random.Generator
) -> dict[str, Array]:
    """Return float64 values for parameters, drawn in the order of the shapes, a bias ``b`` last.

    Parameters
    ----------
    method : str
        ``xavier_normal``: standard deviation ``sqrt(2 / (fan_in + fan_out))``; ``xavier_uniform``: within
        ``sqrt(6 / (fan_in + fan_out))``; ``kaiming_uniform``: within ``1 / sqrt(fan_in)``, a bias within
        ``1 / sqrt(length of w)``; ``fanout_std_uniform``: within ``1 / sqrt(outputs)``.
    shapes : dict of name to shape
        Fans are those of the arrays as they are stored, so that of w (channels, length) is the whole length; ``b``
        counts as (1, outputs).
    outputs : int
    rng : numpy.random.Generator

    Raises
    ------
    ConfigError
        The method is unknown.

    Notes
    -----
    Source: ``initialize_parameters`` of tinyBIG 0.2.1, which leaves an unknown method out in silence.

    Examples
    --------
    >>> values = initial_values("fanout_std_uniform", {"w": (1, 8), "b": (4,)}, 4, np.random.default_rng(0))
    >>> values["w"].shape, bool(abs(values["w"]).max() <= 0.5)
    ((1, 8), True)
    """
    if method not in ALL_METHODS:
        raise ConfigError(f"parameters_init_method must be one of {', '.join(ALL_METHODS)}, got {method!r}")
    found = {}
    for name in sorted(shapes, key=lambda one: one == "b"):
        shape = shapes[name]
        fan_out, fan_in = (1, *shape)[-2:]
        if method == "fanout_std_uniform":
            found[name] = rng.uniform(-1 / math.sqrt(outputs), 1 / math.sqrt(outputs), shape)
            continue
        if method == "kaiming_uniform" and name == "b":
            fan_in = shapes["w"][1]
        found[name] = METHODS[method](rng, shape, fan_in, fan_out)
    return {name: found[name] for name in shapes}
