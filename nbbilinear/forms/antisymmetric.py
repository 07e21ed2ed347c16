"""Antisymmetric matrices."""

from collections.abc import Mapping
from typing import Any, ClassVar

from .cores import Full
from .form import Form
from .steps import Fold, Term

Array = Any


class Antisymmetric(Form):
    """W[k] = (w[k] - w[k]') / 2: ``y`` changes its sign when x1 and x2 change places, and is 0 for a row with itself.

    Parameters
    ----------
    weight : (out, features, features) array
        Any; only its antisymmetric part is seen.

    Notes
    -----
    Cost: a full product, and one more array of the weight's size.

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> form = nbl.forms.Antisymmetric([[0.0, 2.0], [0.0, 0.0]])
    >>> nbl.bilinear(np.array([[3.0, 5.0]]), np.array([[1.0, 1.0]]), form)
    array([-2.])
    """

    axes: ClassVar = {"weight": "kii"}
    sides = ("i", "i")

    def __init__(self, weight: Array) -> None:
        super().__init__(weight=weight)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The full product with the folded weight."""
        return (Term((), (), Full("weight", lay=Fold(-1))),)

    def define(self, p: Mapping[str, Array]) -> Array:
        """W[k,i,j] = (w[k,i,j] - w[k,j,i]) / 2."""
        return 0.5 * (p["weight"] - p["weight"].swapaxes(-1, -2))
