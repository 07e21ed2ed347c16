"""Complex diagonal matrices, real part: ComplEx."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .cores import ComplexDiagonal as ComplexDiagonalCore
from .form import Form
from .maps import Arrange
from .steps import Term

Array = Any


class ComplexDiagonal(Form):
    """y[b,k] = Re sum_r x1[b,r] w[k,r] conj(x2[b,r]), on real numbers: every input is (re, im), one after the other.

    Parameters
    ----------
    real, imag : (out, rank) arrays
        Real and imaginary part of w. Inputs have 2 rank features.

    Notes
    -----
    Numbers: 2 out rank. Flop: rows, 8 rank + 4 out rank each; all pairs, 8 n m out rank. Bytes: 2 rank numbers for each
    row, in blocks. The real part is symmetric in x1 and x2, the imaginary part antisymmetric.
    Source: ComplEx (Trouillon et al. 2016), with one output and ``index``; the conjugate as in PyKEEN.

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> x1, x2, w = 1 + 2j, 3 - 1j, 2 + 5j
    >>> form = nbl.forms.ComplexDiagonal(real=[w.real], imag=[w.imag])
    >>> nbl.bilinear(np.array([x1.real, x1.imag]), np.array([x2.real, x2.imag]), form), (x1 * w * x2.conjugate()).real
    (array(-33.), -33.0)
    """

    axes: ClassVar = {"real": "kr", "imag": "kr"}
    sides = ("hr", "hr")
    fixed: ClassVar = {"h": 2}
    factors = 1
    kernel = "complex_diagonal"

    def __init__(self, real: Array, imag: Array) -> None:
        super().__init__(real=real, imag=imag)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The core, on halves."""
        halves = Arrange("hr", "hr")
        return (Term((halves,), (halves,), ComplexDiagonalCore()),)

    def define(self, p: Mapping[str, Array]) -> Array:
        """W[k] = [[diag(re), diag(im)], [-diag(im), diag(re)]]."""
        same = np.eye(self.sizes["r"], dtype=self.dtype)
        real, imag = (p[name][..., None] * same for name in ("real", "imag"))
        return np.block([[real, imag], [-imag, real]])
