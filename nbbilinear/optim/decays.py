"""Factors of a learning rate by count, for :class:`nbbilinear.optim.Schedule`. Each can be pickled and compared."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import ConfigError
from ..scalars import number, whole


@dataclass(frozen=True)
class StepDecay:
    """``factor ** (count // every)``: a step down every so often.

    Parameters
    ----------
    every : int
    factor : float, optional

    Raises
    ------
    ConfigError
        An argument has no meaning.

    Notes
    -----
    Source: ``torch.optim.lr_scheduler.StepLR``.

    Examples
    --------
    >>> decay = StepDecay(every=2, factor=0.5)
    >>> [decay(count) for count in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        whole("StepDecay: every", self.every, least=1)
        number("StepDecay: factor", self.factor)

    def __call__(self, count: int) -> float:
        """Return the factor at a count."""
        return float(self.factor) ** (count // self.every)


@dataclass(frozen=True)
class CosineDecay:
    """From 1 down to ``end`` along half a cosine, in so many steps; ``end`` from then on.

    Parameters
    ----------
    steps : int
    end : float, optional

    Raises
    ------
    ConfigError
        An argument has no meaning.

    Notes
    -----
    Source: ``torch.optim.lr_scheduler.CosineAnnealingLR``, which after ``steps`` climbs again.

    Examples
    --------
    >>> decay = CosineDecay(steps=4)
    >>> [round(decay(count), 3) for count in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """

    steps: int
    end: float = 0.0

    def __post_init__(self) -> None:
        whole("CosineDecay: steps", self.steps, least=1)
        number("CosineDecay: end", self.end)

    def __call__(self, count: int) -> float:
        """Return the factor at a count."""
        done = min(count / self.steps, 1.0)
        return self.end + (1.0 - self.end) * (1.0 + math.cos(math.pi * done)) / 2.0


@dataclass(frozen=True)
class Warmup:
    """From ``start`` up to 1 in a straight line, in so many steps; then another schedule, counted from 0.

    Parameters
    ----------
    steps : int
    start : float, optional
        The factor of the first step. With 0 that step changes nothing.
    then : callable, optional
        Factor by count after the warm-up, as :class:`CosineDecay` or another Warmup; 1 unless given.

    Raises
    ------
    ConfigError
        An argument has no meaning.

    Notes
    -----
    Source: ``torch.optim.lr_scheduler.LinearLR``, with ``then`` in a ``SequentialLR``.

    Examples
    --------
    >>> schedule = Warmup(steps=2, start=0.5, then=StepDecay(every=1, factor=0.1))
    >>> [schedule(count) for count in range(4)]
    [0.5, 0.75, 1.0, 0.1]
    """

    steps: int
    start: float = 1.0 / 3.0
    then: Callable[[int], float] | None = None

    def __post_init__(self) -> None:
        whole("Warmup: steps", self.steps, least=1)
        number("Warmup: start", self.start)
        if not (self.then is None or callable(self.then)):
            raise ConfigError(f"Warmup: then must be callable with a count, got {self.then!r}")

    def __call__(self, count: int) -> float:
        """Return the factor at a count."""
        if count < self.steps:
            return self.start + (1.0 - self.start) * count / self.steps
        return 1.0 if self.then is None else self.then(count - self.steps)
