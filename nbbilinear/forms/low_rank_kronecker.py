"""Kronecker products whose second factor is of low rank, the first shared by all outputs: LPHM."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .cores import Dot
from .form import Form
from .maps import Arrange, Dense, DenseBlocks
from .steps import Term

Array = Any


class LowRankKronecker(Form):
    """W[k] = sum_n A[n] ⊗ (U[k,n] V[k,n]').

    Parameters
    ----------
    a : (terms, p, q) array
        Shared by all outputs.
    u : (out, terms, s, rank) array
    v : (out, terms, t, rank) array
        in1 = p s, in2 = q t.

    Notes
    -----
    Numbers: terms (p q + out rank (s + t)). Flop: rows, 2 terms (s p q + out rank (s q + in2 + q)) each.
    Bytes: 2 out terms q rank numbers for each row, in blocks.
    Source: low-rank parameterised hypercomplex multiplication, LPHM (Karimi Mahabadi et al. 2021).

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> a, u, v = np.ones((2, 2, 2)), np.ones((1, 2, 3, 1)), np.ones((1, 2, 4, 1))
    >>> nbl.bilinear(np.ones((1, 6)), np.ones((1, 8)), nbl.forms.LowRankKronecker(a, u, v))
    array([[96.]])
    """

    axes: ClassVar = {"a": "npq", "u": "knsr", "v": "kntr"}
    sides = ("ps", "qt")
    options: ClassVar = {"terms": "n", "rank": "r", "factor1": "p", "factor2": "q"}

    def __init__(self, a: Array, u: Array, v: Array) -> None:
        super().__init__(a=a, u=u, v=v)

    @property
    def terms(self) -> tuple[Term, ...]:
        """x1 through A, then U; x2 through V; an inner product for each output."""
        mapped = (Arrange("ps", "sp"), Dense("a", "npq", "p"), Arrange("snq", "nqs"))
        first = (*mapped, DenseBlocks("u", "knsr", "ns"), Arrange("nqkr", "knqr"))
        second = (Arrange("qt", "qt"), Dense("v", "kntr", "t"), Arrange("qknr", "knqr"))
        return (Term(first, second, Dot()),)

    def define(self, p: Mapping[str, Array]) -> Array:
        """W[k,(p,s),(q,t)] = sum_n a[n,p,q] sum_r u[k,n,s,r] v[k,n,t,r]."""
        low = np.einsum("...knsr,...kntr->...knst", p["u"], p["v"])
        whole = np.einsum("...npq,...knst->...kpsqt", p["a"], low)
        return whole.reshape(*whole.shape[:2], *self.shape[-2:])
