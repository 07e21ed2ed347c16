"""A matrix of low rank for every output."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .cores import Dot
from .form import Form
from .maps import Dense
from .steps import Term

Array = Any


class LowRank(Form):
    """W[k] = U[k] V[k]': ``y[b,k] = sum_r (x1[b] U[k])[r] (x2[b] V[k])[r]``.

    Parameters
    ----------
    u : (out, in1, rank) array
    v : (out, in2, rank) array

    Notes
    -----
    Numbers: out rank (in1 + in2). Flop: rows, 2 out rank (in1 + in2 + 1) each, in two matrix products; all pairs,
    2 out rank (n in1 + m in2 + n m). Bytes: 2 out rank numbers for each row, in blocks.
    Source: MFB (Yu et al. 2017), whose sum pooling this is; SuPar's ``decompose`` is rank 1.

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> form = nbl.forms.LowRank(u=np.ones((3, 2, 1)), v=np.ones((3, 4, 1)))
    >>> form
    LowRank(u=(3, 2, 1), v=(3, 4, 1), float64)
    >>> nbl.bilinear(np.ones((1, 2)), np.ones((1, 4)), form)
    array([[8., 8., 8.]])
    """

    axes: ClassVar = {"u": "kir", "v": "kjr"}
    options: ClassVar = {"rank": "r"}
    kernel = "low_rank"

    def __init__(self, u: Array, v: Array) -> None:
        super().__init__(u=u, v=v)

    @property
    def terms(self) -> tuple[Term, ...]:
        """Both inputs mapped, an inner product for each output."""
        return (Term((Dense("u", "kir", "i"),), (Dense("v", "kjr", "j"),), Dot()),)

    def define(self, p: Mapping[str, Array]) -> Array:
        """W[k,i,j] = sum_r u[k,i,r] v[k,j,r]."""
        return np.einsum("ckir,ckjr->ckij", p["u"], p["v"])
