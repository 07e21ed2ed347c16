"""Margin ranking: of two scores, one is to lie above the other by a margin."""

import numpy as np

from ..scalars import number
from .loss import Array, PairLoss, compared


def margin_ranking(x1: Array, x2: Array, targets: Array, *, margin: float = 0.0) -> PairLoss:
    """Margin ranking loss, ``value = 1/n Σ max(0, margin - targets (x1 - x2))`` over all n elements.

    Parameters
    ----------
    x1, x2 : arrays of float32 or float64, one shape
    targets : array of the same shape
        1 where ``x1`` should be the larger, -1 where ``x2`` should.
    margin : float, optional
        By how much.

    Returns
    -------
    PairLoss
        ``value``, a scalar, and ``dx1`` and ``dx2``, of the inputs' shape; all in their promoted dtype and library.

    Raises
    ------
    ShapeError
        The shapes differ, or there are no elements. Nothing is broadcast.
    DTypeError
        Inputs are not float32 or float64, or targets are not real.
    BackendError
        Operands are of different libraries.
    ConfigError
        ``margin`` is no finite number >= 0.

    Notes
    -----
    Where the margin is met exactly the gradient is that of the slope, as in torch: two equal scores, as many models
    have at first, still learn with a margin of 0. Cost: a few passes, about four arrays of the inputs' size.
    Source: ``torch.nn.MarginRankingLoss`` with ``reduction="mean"``.

    Examples
    --------
    >>> import numpy as np
    >>> from nbbilinear.losses import margin_ranking
    >>> loss = margin_ranking(np.array([2.0, 2.0]), np.array([0.0, 1.5]), [1, 1], margin=1.0)
    >>> float(loss.value), loss.dx2
    (0.25, array([0. , 0.5]))
    """
    wanted = number("margin_ranking: margin", margin)
    targets, x1, x2 = compared("margin_ranking", targets, x1=x1, x2=x2)
    missing = wanted - targets * (x1 - x2)
    dx2 = targets * (missing >= 0)
    dx2 /= missing.size
    return PairLoss(np.maximum(missing, 0).mean(), -dx2, dx2)
