"""A bilinear product and terms that are linear in one input."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .cores import Full, OneSided
from .form import Form
from .maps import Dense
from .steps import Term

Array = Any


class Biaffine(Form):
    """``y[b,k] = x1[b]' W[k] x2[b] + linear1[k] x1[b] + linear2[k] x2[b]``; the constant is the verb's ``bias``.

    Parameters
    ----------
    weight : (out, in1, in2) array
    linear1 : (out, in1) array, optional
    linear2 : (out, in2) array, optional

    Notes
    -----
    Cost: a full product; 2 out in1 (in2) flop more for each row of x1 (x2), and a pass over y. No input is copied to
    append a one. How other libraries keep the parameters: :mod:`nbbilinear.forms.conventions`.
    Source: Dozat and Manning 2017; the linear terms of NTN (Socher et al. 2013) and Chainer.

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> form = nbl.forms.Biaffine(np.ones((1, 2, 2)), linear1=[[10.0, 10.0]], linear2=[[100.0, 100.0]])
    >>> nbl.bilinear(np.ones((1, 2)), np.ones((1, 2)), form, np.array([0.5]))
    array([[224.5]])
    """

    axes: ClassVar = {"weight": "kij", "linear1": "ki", "linear2": "kj"}
    factors = 1
    appends_ones = True

    def __init__(self, weight: Array, linear1: Array | None = None, linear2: Array | None = None) -> None:
        super().__init__(weight=weight, linear1=linear1, linear2=linear2)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The full product, and the linear terms that there are."""
        product, first, second = (
            Term((), (), Full("weight")),
            Term((Dense("linear1", "ki", "i"),), (), OneSided(0)),
            Term((), (Dense("linear2", "kj", "j"),), OneSided(1)),
        )
        linear = {"linear1": first, "linear2": second}
        return (product, *(term for name, term in linear.items() if name in self.parameters))

    def define(self, p: Mapping[str, Array]) -> Array:
        """W with linear1 as its last column and linear2 as its last row, for inputs that end in a one."""
        weight = p["weight"]
        whole = np.zeros((*weight.shape[:2], weight.shape[2] + 1, weight.shape[3] + 1), self.dtype)
        whole[..., :-1, :-1] = weight
        whole[..., :-1, -1] = p.get("linear1", 0)
        whole[..., -1, :-1] = p.get("linear2", 0)
        return whole
