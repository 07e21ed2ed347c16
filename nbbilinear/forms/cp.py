"""Canonical polyadic decomposition: a sum of products of three vectors."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .cores import Diagonal
from .form import Form
from .maps import Dense
from .steps import Term

Array = Any


class CP(Form):
    """W[k,i,j] = sum_r a[i,r] b[j,r] c[k,r]: ``y = C ((A' x1) * (B' x2))``.

    Parameters
    ----------
    a : (in1, rank) array
    b : (in2, rank) array
    c : (out, rank) array

    Notes
    -----
    Numbers: rank (in1 + in2 + out). Flop: rows, 2 rank (in1 + in2 + out + 1) each, in three matrix products; all pairs,
    2 rank (n in1 + m in2 + n m out). Bytes: 2 rank numbers for each row; all pairs, m out rank numbers.
    Source: Hitchcock 1927; MLB (Kim et al. 2017) between projections; CP of PyKEEN with ``index`` and shared a and b.

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> form = nbl.forms.CP(a=np.ones((2, 5)), b=np.ones((4, 5)), c=np.ones((3, 5)))
    >>> nbl.bilinear(np.ones((1, 2)), np.ones((1, 4)), form)
    array([[40., 40., 40.]])
    """

    axes: ClassVar = {"a": "ir", "b": "jr", "c": "kr"}
    options: ClassVar = {"rank": "r"}
    kernel = "cp"

    def __init__(self, a: Array, b: Array, c: Array) -> None:
        super().__init__(a=a, b=b, c=c)

    @property
    def terms(self) -> tuple[Term, ...]:
        """Both inputs mapped, multiplied number by number, mixed by c."""
        return (Term((Dense("a", "ir", "i"),), (Dense("b", "jr", "j"),), Diagonal("c")),)

    def define(self, p: Mapping[str, Array]) -> Array:
        """W[k,i,j] = sum_r a[i,r] b[j,r] c[k,r]."""
        return np.einsum("...ir,...jr,...kr->...kij", p["a"], p["b"], p["c"])
