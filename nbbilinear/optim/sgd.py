"""Stochastic gradient descent, with momentum."""

from collections.abc import Iterable

from ..errors import ConfigError
from ..scalars import flag, number
from .checks import Array, Trainable
from .optimizer import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent, optionally with momentum.

    With ``g = grad + weight_decay * p``, the velocity ``v`` is ``g`` at the first step, then
    ``v = momentum * v + (1 - dampening) * g``; the step is ``p -= lr * v``, or ``p -= lr * (g + momentum * v)`` with
    Nesterov's, or ``p -= lr * g`` without momentum.

    Parameters
    ----------
    parameters : iterable of Trainable
        Arrays of float32 or float64, any shape.
    lr : float, optional
    momentum, dampening, weight_decay : float, optional
    nesterov : bool, optional
        Needs ``momentum`` and no ``dampening``.

    Raises
    ------
    ConfigError
        An argument has no meaning; the message names it.

    Notes
    -----
    Rows not in ``touched`` keep their velocity; the first step is that of the parameter, not of the row.
    Cost: one temporary of the rows' size, two with momentum or weight decay; with momentum one array of state.
    Source: ``torch.optim.SGD``.

    Examples
    --------
    >>> import numpy as np
    >>> from nbbilinear.layers import Parameter
    >>> from nbbilinear.optim import SGD
    >>> weight = Parameter(np.array([1.0, 2.0]))
    >>> optimizer = SGD([weight], lr=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     weight.grad = np.array([1.0, 0.0])
    ...     optimizer.step()
    >>> weight.data
    array([0.71, 2.  ])
    """

    def __init__(
        self,
        parameters: Iterable[Trainable],
        lr: float = 1e-3,
        *,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        self.momentum = number("momentum", momentum)
        self.dampening = number("dampening", dampening)
        self.weight_decay = number("weight_decay", weight_decay)
        self.nesterov = flag("nesterov", nesterov)
        if nesterov and (not momentum or dampening):
            raise ConfigError(f"nesterov needs momentum > 0 and dampening 0, got {momentum!r} and {dampening!r}")
        super().__init__(parameters, lr, ("momentum",) if momentum else ())

    def _update(self, data: Array, grad: Array, state: dict[str, Array], step: int, *, sparse: bool) -> None:  # noqa: ARG002
        if self.weight_decay:
            grad = grad + self.weight_decay * data
        if "momentum" in state:
            velocity = state["momentum"]
            if step == 1:
                velocity[...] = grad
            else:
                velocity *= self.momentum
                velocity += (1.0 - self.dampening) * grad
            grad = grad + self.momentum * velocity if self.nesterov else velocity
        data -= float(self.lr) * grad  # a NumPy scalar of float64 would widen a float32 product
