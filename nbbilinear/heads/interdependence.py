"""Interdependence: how much the rows of a batch, or its features, have to do with each other."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ..errors import ShapeError, report
from ..layers.layer import gradient_of
from .weights import Weight

Array = Any


class InterdependenceGrads(NamedTuple):
    """Gradients of the two sides, in their shapes, and of the vectors that the weight is made of."""

    queries: Array
    rows: Array
    w: Array


def interdependence(
    queries: Array, rows: Array, w: Array, weight: Weight
) -> tuple[Array, Callable[[Array], InterdependenceGrads]]:
    """Scores of every query with every row, ``S[c, j, i] = rows[i]' W[c] queries[j]``, and their gradient.

    Parameters
    ----------
    queries : (b, m) array
    rows : (n, m) array
        The same array as ``queries`` for a batch with itself. For the interdependence of attributes both are the batch
        transposed: its m columns with one another, by a weight of (b, b).
    w : (channels, length) array
        The vectors that the weight is made of.
    weight : Weight

    Returns
    -------
    scores : (channels, b, n) array
        Row j holds what query j has to do with every row: the transpose of A in tinyBIG's notation.
    pullback : callable
        ``pullback(grad_scores)`` gives InterdependenceGrads; that of a batch with itself is the sum of two of them.

    Raises
    ------
    ShapeError
        Operands do not fit, or the vectors are of another length than the weight's.

    Notes
    -----
    All pairs of a bilinear product. For each channel ``2 m^2 min(b, n) + 2 b n m`` flop for a full weight, and of
    factors of width r ``2 (b + n) m r + 2 b n r``; backward twice that. The weight is used in its factors.
    Source: ``parameterized_bilinear_interdependence`` and its kin in tinyBIG 0.2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from nbbilinear.heads import LowRank, interdependence
    >>> x = np.array([[2.0, 7.0], [6.0, 5.0]])
    >>> scores, pullback = interdependence(x, x, np.array([[1.0, 0.0, 0.0, 1.0]]), LowRank(1))
    >>> scores
    array([[[14., 42.],
            [10., 30.]]])
    >>> pullback(np.ones((1, 2, 2))).w
    array([[ 96., 144.,  64.,  96.]])
    """
    if queries.ndim != 2 or rows.ndim != 2 or queries.shape[1] != rows.shape[1]:
        given = {"queries": queries, "rows": rows}
        raise ShapeError(report("interdependence: operands do not fit", ["expected (b, m) and (n, m)"], given))
    weight.check_vectors("interdependence", w, rows.shape[1], queries.shape[1])
    left, right, pull = weight.factors(w, rows.shape[1], queries.shape[1])
    x, z = queries[None], rows[None]
    if right is None and len(queries) < len(rows):  # the weight goes to the shorter side
        a, b = left.apply(x), z
    else:
        a, b = x if right is None else right.apply(x), left.transposed(z)

    scores = a @ b.swapaxes(1, 2)

    def pullback(grad: Array) -> InterdependenceGrads:
        grad = gradient_of("interdependence", grad, scores.shape, scores)
        da, db = grad @ b, grad.swapaxes(1, 2) @ a
        if right is None and b is z:
            return InterdependenceGrads(left.transposed(da).sum(axis=0), db.sum(axis=0), pull(left.pull(da, x), None))
        dright = None if right is None else right.pull(da, x)
        dx = da if right is None else right.transposed(da)
        return InterdependenceGrads(dx.sum(axis=0), left.apply(db).sum(axis=0), pull(left.pull(z, db), dright))

    return scores, pullback
