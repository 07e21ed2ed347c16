"""Kronecker products of small matrices, and sums of them."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .cores import Dot
from .form import Form
from .maps import Arrange, Dense
from .steps import Term

Array = Any


class Kronecker(Form):
    """W[k] = sum_r A[k,r] ⊗ B[k,r]: ``y[b,k] = sum_r sum_sq (X1' A[k,r])[s,q] (X2 B[k,r]')[q,s]``.

    x1 is seen as a matrix X1 (p, s), x2 as X2 (q, t).

    Parameters
    ----------
    a : (out, terms, p, q) array
    b : (out, terms, s, t) array
        in1 = p s, in2 = q t.

    Notes
    -----
    Numbers: out terms (p q + s t). Flop: rows, 2 out terms (in1 q + in2 s + s q) each, in two matrix products.
    Bytes: 2 out terms s q numbers for each row, in blocks. Source: Van Loan and Pitsianis 1993.

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> form = nbl.forms.Kronecker(a=np.ones((1, 1, 2, 3)), b=np.ones((1, 1, 2, 2)))
    >>> form.shape
    (1, 4, 6)
    >>> nbl.bilinear(np.ones((1, 4)), np.ones((1, 6)), form)
    array([[24.]])
    """

    axes: ClassVar = {"a": "krpq", "b": "krst"}
    sides = ("ps", "qt")
    options: ClassVar = {"terms": "r", "factor1": "p", "factor2": "q"}

    def __init__(self, a: Array, b: Array) -> None:
        super().__init__(a=a, b=b)

    @property
    def terms(self) -> tuple[Term, ...]:
        """One factor on each input, an inner product for each output."""
        first = (Arrange("ps", "sp"), Dense("a", "krpq", "p"), Arrange("skrq", "krsq"))
        second = (Arrange("qt", "qt"), Dense("b", "krst", "t"), Arrange("qkrs", "krsq"))
        return (Term(first, second, Dot()),)

    def define(self, p: Mapping[str, Array]) -> Array:
        """W[k,(p,s),(q,t)] = sum_r a[k,r,p,q] b[k,r,s,t]."""
        whole = np.einsum("ckrpq,ckrst->ckpsqt", p["a"], p["b"])
        return whole.reshape(*whole.shape[:2], *self.shape[-2:])
