"""The same training step on every backend found: time, and distance from the definition."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from math import nan
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from .. import backends
from ..config import config
from ..errors import BackendError
from ..kg.data import Questions
from ..kg.rescal import Rescal
from ..kg.steps import gradient

Array = Any
DEFINITION = "numpy/einsum"
ROUNDS, SECONDS = 9, 3.0


class Timing(NamedTuple):
    """A kernel on the step.

    Attributes
    ----------
    kernel : str
    first, median : float
        Seconds of the first call, compilation included, and of the median round; NaN where it cannot run.
    difference : float
        Largest difference of a gradient from that of the definition in float64, relative to its largest value.
    reason : str
        Why it cannot run here; else empty.
    """

    kernel: str
    first: float = nan
    median: float = nan
    difference: float = nan
    reason: str = ""


def kernels() -> Iterator[tuple[str, str]]:
    """Yield every kernel's name, and why it cannot run here or nothing; a backend that is absent has its own name."""
    for name in backends.names("numpy"):
        try:
            found = backends.backend(name)
        except BackendError as error:
            yield name, str(error)
        else:
            yield from ((kernel, "") for kernel in dict.fromkeys(k.name for k in found.kernels))


def compare(
    model: Rescal, asked: Questions, rows: Array, smoothing: float, announce: Callable[[str], None]
) -> list[Timing]:
    """Time one step (scores, loss, gradient) of the questions at ``rows`` on every kernel.

    Rounds go through all kernels in turn, so that a disturbance of the machine meets them alike; they end after 9 or
    3 seconds. ``announce`` is told each kernel before its first call, which compiles.
    """
    found = {name: Timing(name, reason=reason) for name, reason in kernels()}
    gradients: dict[str, tuple[Array, ...]] = {}
    for name in [timing.kernel for timing in found.values() if not timing.reason]:
        announce(name)
        try:
            seconds, gradients[name] = _timed(name, model, asked, rows, smoothing)
            found[name] = Timing(name, first=seconds)
        except BackendError as error:
            found[name] = Timing(name, reason=str(error).partition(":")[0])  # what follows are shapes
    exact = _timed(DEFINITION, deepcopy(model).to(dtype=np.float64), asked, rows, smoothing)[1]
    rounds: dict[str, list[float]] = {name: [] for name in gradients}
    begin = perf_counter()
    while len(rounds[DEFINITION]) < ROUNDS and perf_counter() - begin < SECONDS:
        for name, times in rounds.items():
            times.append(_timed(name, model, asked, rows, smoothing)[0])
    for name, times in rounds.items():
        difference = max(map(_difference, gradients[name], exact))
        found[name] = found[name]._replace(median=float(np.median(times)), difference=difference)
    return list(found.values())


def _timed(
    name: str, model: Rescal, asked: Questions, rows: Array, smoothing: float
) -> tuple[float, tuple[Array, ...]]:
    model.zero_grad()
    with config(backend=name):
        begin = perf_counter()
        gradient(model, asked, rows, smoothing)
        seconds = perf_counter() - begin
    found = tuple(parameter.grad for parameter in model.parameters())
    model.zero_grad()
    return seconds, found


def _difference(a: Array, b: Array) -> float:
    return float(np.max(np.abs(a - b)) / np.max(np.abs(b)))
