"""Diagonal matrices: DistMult."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .cores import Diagonal as DiagonalCore
from .form import Form
from .steps import Term

Array = Any


class Diagonal(Form):
    """W[k] = diag(w[k]): ``y[b,k] = sum_i w[k,i] x1[b,i] x2[b,i]``.

    Parameters
    ----------
    weight : (out, features) array

    Notes
    -----
    Numbers: out features. Flop: rows, 2 (out + 1) features each; all pairs, 2 n m out features in one matrix product.
    Bytes: a number for each row and feature, in blocks. Source: DistMult (Yang et al. 2015), with one output and
    ``index``.

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> nbl.bilinear(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), nbl.forms.Diagonal([[1.0, 1.0], [1.0, -1.0]]))
    array([[11., -5.]])
    """

    axes: ClassVar = {"weight": "ki"}
    sides = ("i", "i")
    kernel = "diagonal"

    def __init__(self, weight: Array) -> None:
        super().__init__(weight=weight)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The core alone."""
        return (Term((), (), DiagonalCore("weight")),)

    def define(self, p: Mapping[str, Array]) -> Array:
        """W[k,i,j] = w[k,i] where i = j."""
        return p["weight"][..., None] * np.eye(self.sizes["i"], dtype=self.dtype)
