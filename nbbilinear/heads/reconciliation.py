"""Reconciliation: what every query takes from the transformed rows, through a matrix to the outputs."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

from ..errors import ShapeError, report
from ..layers.layer import gradient_of
from .transforms import Transform
from .weights import Weight
from .weights.operators import BY_ROWS, Operator

Array = Any


class ReconciliationGrads(NamedTuple):
    """Gradients of the rows and the weights of their mixture, and of the vectors that the matrix is made of."""

    rows: Array
    mixture: Array
    w: Array


def reconcile(
    rows: Array, mixture: Array, w: Array, outputs: int, transform: Transform, weight: Weight
) -> tuple[Array, Callable[[Array], ReconciliationGrads]]:
    """Outputs of mixed rows, ``Y[c, j] = Psi[c] sum_i mixture[c, j, i] kappa(rows[c, i])``, and their gradient.

    Parameters
    ----------
    rows : (1 or channels, n, m) array
    mixture : (channels, b, n) array
        As :func:`nbbilinear.heads.normalize` gives it.
    w : (channels, length) array
        The vectors that Psi (outputs, width) is made of.
    outputs : int
    transform : Transform
        kappa.
    weight : Weight

    Returns
    -------
    y : (channels, b, outputs) array
    pullback : callable
        ``pullback(grad_y)`` gives ReconciliationGrads.

    Raises
    ------
    ShapeError
        Operands do not fit, or the vectors are of another length than the weight's.

    Notes
    -----
    Transformation, factors of Psi and mixture are linear in this order, so the rows may be mixed before, between or
    after the factors: where ``2 b n width`` and the products with n or b rows cost least in sum. Transformed rows are
    never made, except by the identity.
    Source: ``rpn_head`` of tinyBIG 0.2.1, which mixes transformed rows before Psi.

    Examples
    --------
    >>> import numpy as np
    >>> from nbbilinear.heads import Full, Identity, reconcile
    >>> x = np.array([[[1.0, 2.0], [3.0, 4.0]]])
    >>> y, pullback = reconcile(x, np.eye(2)[None, ::-1], np.array([[10.0, 1.0]]), 1, Identity(), Full())
    >>> y
    array([[[34.],
            [12.]]])
    >>> pullback(np.ones((1, 2, 1))).w
    array([[4., 6.]])
    """
    if rows.ndim != 3 or mixture.ndim != 3 or mixture.shape[2] != rows.shape[1]:
        given = {"rows": rows, "mixture": mixture}
        faults = ["expected (1 or channels, n, m) and (channels, b, n)"]
        raise ShapeError(report("reconcile: operands do not fit", faults, given))
    columns = transform.width(rows.shape[2])
    weight.check_vectors("reconcile", w, outputs, columns)
    factors = weight.factors(w, outputs, columns)
    first = factors.left if factors.right is None else factors.right
    if not transform.as_is and not isinstance(first, BY_ROWS):
        factors = weight.expanded(w, outputs, columns)
    left, right, pull_weight = factors
    operators = [left] if right is None else [right, left]
    widths = (columns, *(operator.rows for operator in operators))
    costs = tuple(operator.cost for operator in operators)
    place = _cheapest(widths, costs, mixture.shape[1:], earliest=0 if transform.as_is else 1)

    steps = [partial(transform.through, operator=operators[0]), *(partial(_through, one) for one in operators[1:])]
    steps.insert(place, partial(_mixed, mixture))

    y, pulls = rows, []
    for step in steps:
        y, pull = step(y)
        pulls.append(pull)

    def pullback(grad: Array) -> ReconciliationGrads:
        grad = gradient_of("reconcile", grad, y.shape, y)
        found = []
        for pull in reversed(pulls):
            grad, gradient = pull(grad)
            found.append(gradient)
        dmixture = found.pop(len(operators) - place)
        dw = pull_weight(found[0], None if right is None else found[1])
        return ReconciliationGrads(grad.sum(axis=0, keepdims=True) if len(rows) == 1 else grad, dmixture, dw)

    return y, pullback


def _through(operator: Operator, x: Array) -> tuple[Array, Callable[[Array], tuple[Array, Array]]]:
    return operator.apply(x), lambda grad: (operator.transposed(grad), operator.pull(grad, x))


def _mixed(mixture: Array, x: Array) -> tuple[Array, Callable[[Array], tuple[Array, Array]]]:
    return mixture @ x, lambda grad: (mixture.swapaxes(1, 2) @ grad, grad @ x.swapaxes(1, 2))


@lru_cache(maxsize=256)
def _cheapest(widths: tuple[int, ...], costs: tuple[int, ...], shape: tuple[int, int], earliest: int) -> int:
    """Before which operator (or after all) mixing costs least: n rows go before it, b after.

    Examples
    --------
    >>> _cheapest((784, 3, 10), (3 * 784, 10 * 3), (64, 64), earliest=0)
    1
    """
    b, n = shape
    return min(
        range(earliest, len(widths)),
        key=lambda place: b * n * widths[place] + n * sum(costs[:place]) + b * sum(costs[place:]),
    )
