"""Tucker decomposition: a small weight between three matrices."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .cores import Full
from .form import Form
from .maps import Dense
from .steps import Term

Array = Any


class Tucker(Form):
    """W[k,i,j] = sum_spq c[k,s] core[s,p,q] a[i,p] b[j,q].

    Parameters
    ----------
    a : (in1, rank1) array
    b : (in2, rank2) array
    core : (rank, rank1, rank2) array
    c : (out, rank) array

    Notes
    -----
    Flop: rows, 2 (in1 rank1 + in2 rank2 + rank rank1 rank2 + rank out) each; all pairs,
    2 (n in1 rank1 + m in2 rank2 + n m rank out) and the core's product of pairs. Bytes: rank1 + rank2 + rank numbers
    for each row, in blocks. Source: Tucker 1966; MUTAN (Ben-younes et al. 2017); TuckER (Balazevic et al. 2019) is this
    with ``index``: c of (relations, rank), the others shared.

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> form = nbl.forms.Tucker(np.ones((2, 2)), np.ones((4, 2)), np.ones((5, 2, 2)), np.ones((3, 5)))
    >>> nbl.bilinear(np.ones((1, 2)), np.ones((1, 4)), form)
    array([[160., 160., 160.]])
    """

    axes: ClassVar = {"a": "ip", "b": "jq", "core": "spq", "c": "ks"}
    options: ClassVar = {"rank1": "p", "rank2": "q", "rank": "s"}

    def __init__(self, a: Array, b: Array, core: Array, c: Array) -> None:
        super().__init__(a=a, b=b, core=core, c=c)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The full product of mapped inputs, mapped."""
        return (Term((Dense("a", "ip", "i"),), (Dense("b", "jq", "j"),), Full("core"), (Dense("c", "ks", "s"),)),)

    def define(self, p: Mapping[str, Array]) -> Array:
        """W[k,i,j] = sum_spq c[k,s] core[s,p,q] a[i,p] b[j,q]."""
        mapped = np.einsum("...ks,...spq,...ip->...kiq", p["c"], p["core"], p["a"])
        return np.einsum("...kiq,...jq->...kij", mapped, p["b"])
