"""Adagrad: steps scaled by all squares of the gradient so far."""

from collections.abc import Iterable

import numpy as np

from ..scalars import number
from .checks import Array, Trainable
from .optimizer import Optimizer


class Adagrad(Optimizer):
    """Adagrad, dense or by touched rows.

    With ``g = grad + weight_decay * p`` at step t, ``sum += g²``, and
    ``p -= lr / (1 + (t - 1) * lr_decay) * g / (sqrt(sum) + eps)``.

    Parameters
    ----------
    parameters : iterable of Trainable
        Arrays of float32 or float64, any shape.
    lr : float, optional
    lr_decay, weight_decay : float, optional
        ``weight_decay`` is added to the gradient, for touched rows too.
    initial_accumulator_value : float, optional
        What ``sum`` starts from.
    eps : float, optional

    Raises
    ------
    ConfigError
        An argument has no meaning; the message names it.

    Notes
    -----
    Rows not in ``touched`` keep their sum; the step count t is the parameter's, not the row's.
    Cost: one array of state; about three temporaries of the rows' size.
    Source: ``torch.optim.Adagrad``, with dense gradients, and with sparse ones for touched rows (where torch knows no
    weight decay).

    Examples
    --------
    >>> import numpy as np
    >>> from nbbilinear.layers import Parameter
    >>> from nbbilinear.optim import Adagrad
    >>> weight = Parameter(np.array([1.0, 2.0]))
    >>> optimizer = Adagrad([weight], lr=0.1)
    >>> weight.grad = np.array([5.0, 0.0])
    >>> optimizer.step()
    >>> weight.data
    array([0.9, 2. ])
    """

    def __init__(
        self,
        parameters: Iterable[Trainable],
        lr: float = 1e-2,
        *,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        self.lr_decay = number("lr_decay", lr_decay)
        self.weight_decay = number("weight_decay", weight_decay)
        self.eps = number("eps", eps)
        start = number("initial_accumulator_value", initial_accumulator_value)
        super().__init__(parameters, lr, ("sum",))
        if start:
            for state in self._states:
                state["sum"][...] = start

    def _update(self, data: Array, grad: Array, state: dict[str, Array], step: int, *, sparse: bool) -> None:  # noqa: ARG002
        if self.weight_decay:
            grad = grad + self.weight_decay * data
        state["sum"] += grad * grad
        denominator = np.sqrt(state["sum"])
        denominator += self.eps
        data -= float(self.lr) / (1.0 + (step - 1) * self.lr_decay) * grad / denominator
