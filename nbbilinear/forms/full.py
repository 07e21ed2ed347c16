"""A weight in full: the form that is none."""

from collections.abc import Mapping
from typing import Any, ClassVar

from .cores import Full as FullCore
from .form import Form
from .steps import Term

Array = Any


class Full(Form):
    """W as it is.

    Parameters
    ----------
    weight : (out, in1, in2) array

    Notes
    -----
    Numbers: out in1 in2. Cost and source: :func:`nbbilinear.bilinear`, to which everything is handed on.

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> nbl.bilinear(np.ones((1, 2)), np.ones((1, 3)), nbl.forms.Full(np.ones((4, 2, 3))))
    array([[6., 6., 6., 6.]])
    """

    axes: ClassVar = {"weight": "kij"}

    def __init__(self, weight: Array) -> None:
        super().__init__(weight=weight)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The core alone."""
        return (Term((), (), FullCore()),)

    def define(self, p: Mapping[str, Array]) -> Array:
        """W."""
        return p["weight"]
