"""Block-diagonal matrices: parts of the inputs that meet only their like."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .cores import Full
from .form import Form
from .maps import Arrange, Sum
from .steps import Order, Term

Array = Any


class BlockDiagonal(Form):
    """W[k] = diag(w[k,1], ..., w[k,blocks]): ``y[b,k] = sum_n x1[b,n]' w[k,n] x2[b,n]``, inputs cut into blocks.

    Parameters
    ----------
    weight : (out, blocks, in1 / blocks, in2 / blocks) array

    Notes
    -----
    Numbers and flop: those of a full weight, divided by the number of blocks. Bytes: blocks out numbers for each row,
    in blocks of rows. Source: R-GCN (Schlichtkrull et al. 2018); asked for as a layer in
    discuss.pytorch.org/t/194429.

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> nbl.bilinear(np.ones((1, 4)), np.ones((1, 6)), nbl.forms.BlockDiagonal(np.ones((3, 2, 2, 3))))
    array([[12., 12., 12.]])
    """

    axes: ClassVar = {"weight": "knpq"}
    sides = ("np", "nq")
    options: ClassVar = {"blocks": "n"}

    def __init__(self, weight: Array) -> None:
        super().__init__(weight=weight)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The full products of the blocks, summed."""
        core = Full("weight", blocks=True, lay=Order("knpq", "nkpq"))
        return (Term((Arrange("np", "np"),), (Arrange("nq", "nq"),), core, (Sum(),)),)

    def define(self, p: Mapping[str, Array]) -> Array:
        """W[k,(n,p),(m,q)] = w[k,n,p,q] where n = m."""
        same = np.eye(self.sizes["n"], dtype=self.dtype)
        whole = np.einsum("cknpq,nm->cknpmq", p["weight"], same)
        return whole.reshape(*whole.shape[:2], *self.shape[-2:])
