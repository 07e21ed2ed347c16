"""Binary cross-entropy of scores that have not been through a sigmoid."""

import numpy as np

from ..exponentials import sigmoid
from ..scalars import number
from .loss import Array, Loss, compared


def binary_cross_entropy_with_logits(scores: Array, targets: Array, *, pos_weight: float = 1.0) -> Loss:
    """Binary cross-entropy of the sigmoids of scores, averaged over all n elements.

    ``value = -1/n Σ [w t log sigmoid(s) + (1 - t) log(1 - sigmoid(s))]`` with ``w = pos_weight``

    Parameters
    ----------
    scores : array of float32 or float64, any shape
    targets : array of the same shape
        Probabilities that the answer is yes; numbers of any real dtype or bool, cast to the scores' dtype.
    pos_weight : float, optional
        How much more a yes weighs than a no.

    Returns
    -------
    Loss
        ``value``, a scalar, and ``grad``, of the scores' shape; both in the scores' dtype and library.

    Raises
    ------
    ShapeError
        The shapes differ, or there are no elements. Nothing is broadcast.
    DTypeError
        Scores are not float32 or float64, or targets are not real.
    BackendError
        Operands are of different libraries.
    ConfigError
        ``pos_weight`` is no finite number >= 0.

    Notes
    -----
    ``log(1 + exp(-|s|))`` neither overflows nor loses a small loss, so any finite score will do. Cost: three
    exponentials and a logarithm for each element, about five arrays of the scores' size.
    Source: ``torch.nn.functional.binary_cross_entropy_with_logits`` with ``reduction="mean"``.

    Examples
    --------
    >>> import numpy as np
    >>> from nbbilinear.losses import binary_cross_entropy_with_logits
    >>> loss = binary_cross_entropy_with_logits(np.array([0.0, 1e4]), np.array([1.0, 1.0]))
    >>> bool(np.isclose(loss.value, np.log(2) / 2))
    True
    >>> loss.grad
    array([-0.25,  0.  ])
    """
    weight = number("binary_cross_entropy_with_logits: pos_weight", pos_weight)
    targets, scores = compared("binary_cross_entropy_with_logits", targets, scores=scores)
    losses = np.log1p(np.exp(-abs(scores)))
    losses -= np.minimum(scores, 0)
    grad = sigmoid(scores)
    if weight != 1.0:
        weights = (weight - 1.0) * targets + 1
        losses *= weights
        grad *= weights
    losses += (1 - targets) * scores
    grad -= weight * targets
    grad /= scores.size
    return Loss(losses.mean(), grad)
