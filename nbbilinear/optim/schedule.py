"""Learning-rate schedules: a factor for every step, and the hook that applies it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import CheckpointError, ConfigError
from ..scalars import number, whole
from .checks import Array
from .optimizer import Optimizer


class Schedule:
    """A learning rate that changes: ``optimizer.lr = base * function(count)``.

    Parameters
    ----------
    optimizer : Optimizer
        Its ``lr`` as found is the base; it is set here, and by every ``step``.
    function : callable
        Factor by count, from 0 on, as :class:`StepDecay`, :class:`CosineDecay`, :class:`Warmup`, or one of your own.

    Attributes
    ----------
    count : int
        Steps so far.
    base : float

    Raises
    ------
    ConfigError
        ``function`` cannot be called, or a factor is no finite number >= 0. The learning rate was not changed.

    Notes
    -----
    Call ``step`` after that of the optimizer: once for each batch or each epoch, as the function counts.
    Source: ``torch.optim.lr_scheduler.LambdaLR``.

    Examples
    --------
    >>> from nbbilinear.layers import Parameter
    >>> from nbbilinear.optim import SGD, Schedule
    >>> optimizer = SGD([Parameter([1.0])], lr=0.5)
    >>> schedule = Schedule(optimizer, lambda count: 1 / (1 + count))
    >>> optimizer.lr
    0.5
    >>> schedule.step()
    >>> optimizer.lr
    0.25
    """

    def __init__(self, optimizer: Optimizer, function: Callable[[int], float]) -> None:
        if not callable(function):
            raise ConfigError(f"Schedule: function must be callable with a count, got {function!r}")
        self.optimizer, self.function = optimizer, function
        self.base = number("lr", optimizer.lr)
        self._move(0, self.base)

    def step(self) -> None:
        """Count one step more, and set the learning rate for the next."""
        self._move(self.count + 1, self.base)

    def state_dict(self) -> dict[str, Array]:
        """Return ``"count"`` and ``"base"``. The function is not part of the state."""
        return {"count": np.asarray(self.count), "base": np.asarray(self.base)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that ``state_dict`` returned: count, base, and with them the optimizer's learning rate.

        Raises
        ------
        CheckpointError
            A key is missing or unexpected, or a value has no meaning; nothing was changed.
        """
        if set(state) != {"count", "base"}:
            raise CheckpointError(f"the state of a Schedule has count and base, got {', '.join(state) or 'nothing'}")
        try:
            count, base = whole("count", np.asarray(state["count"])[()], least=0), number("base", state["base"])
        except ConfigError as error:
            raise CheckpointError(f"the state does not fit Schedule; nothing was loaded: {error}") from None
        self._move(count, base)

    def _move(self, count: int, base: float) -> None:
        factor = number(f"Schedule: the factor at count {count}", self.function(count))
        self.count, self.base, self.optimizer.lr = count, base, base * factor
