"""Adam: steps scaled by running moments of the gradient."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from ..compiled import loops_for
from ..errors import ConfigError
from ..scalars import number
from .checks import Array, Trainable
from .optimizer import Optimizer


class Adam(Optimizer):
    """Adam, dense or by touched rows.

    With ``g = grad + weight_decay * p`` at step t, ``m += (1 - beta1) * (g - m)``, ``v += (1 - beta2) * (g² - v)``,
    ``c1 = 1 - beta1**t``, ``c2 = 1 - beta2**t``: ``p -= lr * (m / c1) / (sqrt(v / c2) + eps)``, and for touched rows
    ``p -= lr * (m / c1) * sqrt(c2) / (sqrt(v) + eps)``.

    Parameters
    ----------
    parameters : iterable of Trainable
        Arrays of float32 or float64, any shape.
    lr : float, optional
    betas : (float, float), optional
        Memory of the first and the second moment, each at least 0 and less than 1.
    eps : float, optional
    weight_decay : float, optional
        Added to the gradient, for touched rows too.

    Raises
    ------
    ConfigError
        An argument has no meaning; the message names it.

    Notes
    -----
    Rows not in ``touched`` keep their moments, undecayed; the step count t is the parameter's, not the row's.
    Cost: two arrays of state; about three temporaries of the rows' size. Large arrays on the processor go through
    compiled loops (3 to 5 times faster, no temporaries).
    Source: ``torch.optim.Adam``; for touched rows ``torch.optim.SparseAdam`` (which adds ``eps`` before the correction
    of the second moment, and knows no weight decay).

    Examples
    --------
    >>> import numpy as np
    >>> from nbbilinear.layers import Parameter
    >>> from nbbilinear.optim import Adam
    >>> weight = Parameter(np.array([1.0, 2.0]))
    >>> optimizer = Adam([weight], lr=0.1)
    >>> weight.grad = np.array([5.0, 0.0])
    >>> optimizer.step()
    >>> weight.data
    array([0.9, 2. ])
    """

    def __init__(
        self,
        parameters: Iterable[Trainable],
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        if not isinstance(betas, Sequence) or len(betas) != 2:
            raise ConfigError(f"betas must be two numbers, got {betas!r}")
        self.betas = number("betas", betas[0], below=1.0), number("betas", betas[1], below=1.0)
        self.eps = number("eps", eps)
        self.weight_decay = number("weight_decay", weight_decay)
        super().__init__(parameters, lr, ("first_moment", "second_moment"))

    def _update(self, data: Array, grad: Array, state: dict[str, Array], step: int, *, sparse: bool) -> None:
        first, second, (beta1, beta2) = state["first_moment"], state["second_moment"], self.betas
        # Both scaled by sqrt(1 - beta2**t), so that the two definitions differ in nothing but eps.
        correction = math.sqrt(1.0 - beta2**step)
        rate = float(self.lr) * correction / (1.0 - beta1**step)
        eps = self.eps if sparse else self.eps * correction
        if loops := loops_for(data, grad, first, second):
            loops.adam(data, grad, first, second, self.betas, self.weight_decay, rate, eps)
            return
        if self.weight_decay:
            grad = grad + self.weight_decay * data
        first += (1.0 - beta1) * (grad - first)
        second *= beta2
        second += (1.0 - beta2) * grad * grad
        denominator = np.sqrt(second)
        denominator += eps
        data -= rate * first / denominator
