"""Block-term decomposition: a sum of small Tucker decompositions."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .cores import Full
from .form import Form
from .maps import Dense
from .steps import Term

Array = Any


class BlockTerm(Form):
    """W[k,i,j] = sum_n sum_spq c[k,n,s] core[n,s,p,q] a[n,i,p] b[n,j,q].

    Parameters
    ----------
    a : (blocks, in1, rank1) array
    b : (blocks, in2, rank2) array
    core : (blocks, rank, rank1, rank2) array
    c : (out, blocks, rank) array

    Notes
    -----
    Flop and bytes: those of :class:`Tucker`, times the number of blocks; inputs and outputs are mapped in one matrix
    product each for all blocks. Source: De Lathauwer 2008; BLOCK (Ben-younes et al. 2019).

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> a, b, core, c = np.ones((2, 3, 1)), np.ones((2, 4, 1)), np.ones((2, 1, 1, 1)), np.ones((5, 2, 1))
    >>> nbl.bilinear(np.ones((1, 3)), np.ones((1, 4)), nbl.forms.BlockTerm(a, b, core, c))
    array([[24., 24., 24., 24., 24.]])
    """

    axes: ClassVar = {"a": "nip", "b": "njq", "core": "nspq", "c": "kns"}
    options: ClassVar = {"blocks": "n", "rank1": "p", "rank2": "q", "rank": "s"}

    def __init__(self, a: Array, b: Array, core: Array, c: Array) -> None:
        super().__init__(a=a, b=b, core=core, c=c)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The full products of blocks of mapped inputs, mapped together."""
        first, second = Dense("a", "nip", "i"), Dense("b", "njq", "j")
        return (Term((first,), (second,), Full("core", blocks=True), (Dense("c", "kns", "ns"),)),)

    def define(self, p: Mapping[str, Array]) -> Array:
        """W[k,i,j] = sum_nspq c[k,n,s] core[n,s,p,q] a[n,i,p] b[n,j,q]."""
        mapped = np.einsum("...kns,...nspq,...nip->...nkiq", p["c"], p["core"], p["a"])
        return np.einsum("...nkiq,...njq->...kij", mapped, p["b"])
