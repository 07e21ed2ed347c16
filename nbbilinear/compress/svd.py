"""Forms that a singular value decomposition finds, the best there are of their rank."""

from typing import Any

import numpy as np

from ..errors import ShapeError, report
from ..forms import Kronecker, LowRank
from .asked import Asked

Array = Any


def low_rank(weight: Array, asked: Asked) -> LowRank:
    """U[k] V[k]' nearest to each W[k]: its largest singular values, their roots on both sides.

    The same rank for all outputs. Cost: an SVD of (in1, in2) for each. Source: Eckart and Young 1936.
    """
    asked.options_of((), "low_rank")
    left, values, right = np.linalg.svd(weight, full_matrices=False)
    rank = asked.count((values**2).sum(axis=0))
    roots = np.sqrt(values[:, :rank])
    return LowRank(left[:, :, :rank] * roots[:, None], right[:, :rank].swapaxes(1, 2) * roots[:, None])


def kronecker(weight: Array, asked: Asked) -> Kronecker:
    """Sum of A[k,r] ⊗ B[k,r] nearest to each W[k]: the SVD of its blocks, each laid out as a row.

    The number of terms is the rank; ``factor1`` and ``factor2`` are the sizes of A. Cost: an SVD of
    (factor1 factor2, in1 in2 / (factor1 factor2)) for each output. Source: Van Loan and Pitsianis 1993.
    """
    p, q = asked.options_of(("factor1", "factor2"), "kronecker")
    out, in1, in2 = weight.shape
    if in1 % p or in2 % q:
        fault = f"in1={in1} must be a multiple of factor1={p}, in2={in2} of factor2={q}"
        raise ShapeError(report("compress: no such Kronecker product", [fault], {"weight": weight}))
    s, t = in1 // p, in2 // q
    rows = weight.reshape(out, p, s, q, t).transpose(0, 1, 3, 2, 4).reshape(out, p * q, s * t)
    left, values, right = np.linalg.svd(rows, full_matrices=False)
    terms = asked.count((values**2).sum(axis=0))
    roots = np.sqrt(values[:, :terms, None])
    a = (left[:, :, :terms].swapaxes(1, 2) * roots).reshape(out, terms, p, q)
    return Kronecker(a, (right[:, :terms] * roots).reshape(out, terms, s, t))
