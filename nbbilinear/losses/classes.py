"""Softmax cross-entropy."""

import numpy as np

from ..arrays import module_of, of_one_library
from ..compiled import loops_for
from ..errors import IndexRangeError, ShapeError, report
from .loss import Array, Loss, compared


def cross_entropy(scores: Array, targets: Array) -> Loss:
    """Softmax cross-entropy with probabilities or classes as targets, averaged over rows.

    ``value = -1/rows Σ_b Σ_k targets[b, k] log softmax(scores[b])[k]``

    Parameters
    ----------
    scores : (..., classes) array of float32 or float64
        Logarithms of unnormalised probabilities. ``-inf`` excludes a class; its target must be 0, or the loss is
        infinite. A row may exclude all.
    targets : (..., classes) array, or (...) array of integers
        Probabilities: one row for each row of scores. They are not normalised: a row that sums to s weighs s.
        Or the number of the right class: one integer for each row of scores.

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
    IndexRangeError
        A class is negative, or beyond the scores.
    BackendError
        Operands are of different libraries.

    Notes
    -----
    The largest score of a row is subtracted before ``exp``, so no finite score overflows. Cost: a few passes over the
    scores, one ``exp`` each, about four arrays of their size; classes are made rows of 0 and 1, one array more. Large
    arrays on the processor go through compiled loops (1.3 to 4 times faster), with sums in float64.
    Source: ``torch.nn.functional.cross_entropy`` with ``reduction="mean"``; a target of 0 for a score of ``-inf``
    counts 0 here and gives nan there, and there is no ``ignore_index``.

    Examples
    --------
    >>> import numpy as np
    >>> from nbbilinear.losses import cross_entropy
    >>> loss = cross_entropy(np.zeros((1, 4)), np.array([[1.0, 0.0, 0.0, 0.0]]))
    >>> bool(np.isclose(loss.value, np.log(4)))
    True
    >>> loss.grad
    array([[-0.75,  0.25,  0.25,  0.25]])
    >>> cross_entropy(np.zeros((1, 4)), [0]).grad
    array([[-0.75,  0.25,  0.25,  0.25]])
    """
    scores, targets = _checked(scores, targets)
    classes = scores.shape[-1]
    rows = scores.size // classes
    if loops := loops_for(scores, targets):
        losses, grad = np.empty(rows, scores.dtype), np.empty_like(scores)
        loops.cross_entropy(*(a.reshape(rows, classes) for a in (scores, targets)), losses, grad.reshape(rows, classes))
        return Loss(losses.mean(), grad)
    top = scores.max(axis=-1, keepdims=True)
    np.copyto(top, 0, where=top == -np.inf)  # a row that excludes every class: it counts 0 where its targets are
    shifted = scores - top
    grad = np.exp(shifted)
    total, weight = (a.sum(axis=-1, keepdims=True) for a in (grad, targets))
    np.copyto(total, 1, where=total == 0)
    # 0 log 0 is 0: an excluded class adds nothing, where 0 * -inf would be nan.
    np.copyto(shifted, 0, where=targets == 0)
    shifted *= targets
    value = ((weight * np.log(total)).sum() - shifted.sum()) / rows
    grad *= weight / total
    grad -= targets
    grad /= rows
    return Loss(value, grad)


def _checked(scores: Array, targets: Array) -> tuple[Array, Array]:
    given = of_one_library("cross_entropy", {"scores": scores, "targets": targets})
    scores, targets = given.values()
    if not (scores.ndim and scores.size):
        raise ShapeError(report("cross_entropy: no mean", ["scores need a row and a class"], given))
    if targets.dtype.kind in "iu" and targets.shape == scores.shape[:-1]:
        targets = _rows_of(targets, scores, given)
    if targets.shape != scores.shape:
        remedy = "targets must be one row of probabilities, or the number of a class, for each row of scores"
        raise ShapeError(report("cross_entropy: shapes differ", [remedy], given))
    targets, scores = compared("cross_entropy", targets, scores=scores)
    return scores, targets


def _rows_of(numbers: Array, scores: Array, given: dict[str, Array]) -> Array:
    """Rows of False with True at the class of each number."""
    classes = scores.shape[-1]
    if numbers.min() < 0 or numbers.max() >= classes:
        fault = f"classes must be >= 0 and < {classes}, got {int(numbers.min())} to {int(numbers.max())}"
        raise IndexRangeError(report("cross_entropy: targets", [fault], given))
    return numbers[..., None] == module_of(scores).arange(classes)
