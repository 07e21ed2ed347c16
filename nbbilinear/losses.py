"""Losses: a value and the gradient of the scores, in one call."""

from typing import Any, NamedTuple

import numpy as np

from .errors import DTypeError, ShapeError, report

Array = Any


class Loss(NamedTuple):
    """A loss, and its gradient by the scores in their shape and dtype."""

    value: Array
    grad: Array


def cross_entropy(scores: Array, targets: Array) -> Loss:
    """Softmax cross-entropy with probabilities as targets, averaged over rows.

    ``value = -1/rows Σ_b Σ_k targets[b, k] log softmax(scores[b])[k]``

    Parameters
    ----------
    scores : (..., classes) array of float32 or float64
        Logarithms of unnormalised probabilities. ``-inf`` excludes a class; its target must be 0.
    targets : (..., classes) array
        Probabilities: one row for each row of scores. They are not normalised: a row that sums to s weighs s.

    Returns
    -------
    Loss
        ``value``, a scalar, and ``grad``, of the scores' shape; both in the scores' dtype and library.

    Raises
    ------
    ShapeError
        The shapes differ, or there are no rows or no classes, so that there is no mean.
    DTypeError
        Scores are not float32 or float64, or targets are not real.

    Notes
    -----
    The largest score of a row is subtracted before ``exp``, so no finite score overflows. Cost: a few passes over the
    scores, one ``exp`` each, about four arrays of their size.
    Source: ``torch.nn.functional.cross_entropy`` with class probabilities and ``reduction="mean"``; a target of 0 for a
    score of ``-inf`` counts 0 here and gives nan there.

    Examples
    --------
    >>> import numpy as np
    >>> from nbbilinear.losses import cross_entropy
    >>> loss = cross_entropy(np.zeros((1, 4)), np.array([[1.0, 0.0, 0.0, 0.0]]))
    >>> bool(np.isclose(loss.value, np.log(4)))
    True
    >>> loss.grad
    array([[-0.75,  0.25,  0.25,  0.25]])
    """
    scores, targets = _checked(scores, targets)
    shifted = scores - scores.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    total = exponentials.sum(axis=-1, keepdims=True)
    logarithms = shifted - np.log(total)
    # 0 log 0 is 0: an excluded class adds nothing, where 0 * -inf would be nan.
    logarithms[(logarithms == -np.inf) & (targets == 0)] = 0
    rows = scores.size // scores.shape[-1]
    grad = exponentials * (targets.sum(axis=-1, keepdims=True) / total)
    grad -= targets
    grad /= rows
    logarithms *= targets
    return Loss(-logarithms.sum() / rows, grad)


def _checked(scores: Array, targets: Array) -> tuple[Array, Array]:
    scores, targets = (np.asarray(a) if isinstance(a, (list, tuple)) else a for a in (scores, targets))
    operands = {"scores": scores, "targets": targets}
    shapes = [getattr(a, "shape", None) for a in (scores, targets)]
    if shapes[0] != shapes[1]:
        remedy = "one row of probabilities for each row of scores; for class numbers give np.eye(classes)[numbers]"
        raise ShapeError(report("cross_entropy: shapes differ", [f"targets must be {remedy}"], operands))
    if not shapes[0] or 0 in shapes[0]:
        raise ShapeError(report("cross_entropy: no mean", ["scores need a row and a class"], operands))
    if scores.dtype not in (np.float32, np.float64):
        raise DTypeError(report("cross_entropy: scores", ["scores must be float32 or float64"], operands))
    if not np.can_cast(targets.dtype, scores.dtype, "same_kind"):
        raise DTypeError(report("cross_entropy: targets", ["targets must be real numbers"], operands))
    return scores, targets.astype(scores.dtype, copy=False)
