"""Forms whose nearest member is a part of the weight: what is left out is what is lost."""

from typing import Any

import numpy as np

from ..errors import ConfigError, ShapeError, report
from ..forms import Antisymmetric, BlockDiagonal, Diagonal, Sparse, Symmetric
from .asked import Asked

Array = Any


def diagonal(weight: Array, asked: Asked) -> Diagonal:
    """The diagonals of square matrices."""
    _square(weight, asked, "diagonal")
    return Diagonal(np.ascontiguousarray(np.diagonal(weight, axis1=1, axis2=2)))


def block_diagonal(weight: Array, asked: Asked) -> BlockDiagonal:
    """The ``blocks`` blocks on the diagonal of each matrix."""
    (blocks,) = asked.options_of(("blocks",), "block_diagonal")
    _no_rank(asked, "block_diagonal")
    out, in1, in2 = weight.shape
    if in1 % blocks or in2 % blocks:
        fault = f"in1={in1} and in2={in2} must be multiples of blocks={blocks}"
        raise ShapeError(report("compress: no such blocks", [fault], {"weight": weight}))
    cut = weight.reshape(out, blocks, in1 // blocks, blocks, in2 // blocks)
    return BlockDiagonal(np.ascontiguousarray(np.einsum("knpnq->knpq", cut)))


def symmetric(weight: Array, asked: Asked) -> Symmetric:
    """The symmetric part of square matrices."""
    _square(weight, asked, "symmetric")
    return Symmetric(0.5 * (weight + weight.swapaxes(1, 2)))


def antisymmetric(weight: Array, asked: Asked) -> Antisymmetric:
    """The antisymmetric part of square matrices."""
    _square(weight, asked, "antisymmetric")
    return Antisymmetric(0.5 * (weight - weight.swapaxes(1, 2)))


def sparse(weight: Array, asked: Asked) -> Sparse:
    """The ``rank`` numbers of largest magnitude in the whole weight."""
    asked.options_of((), "sparse")
    flat = weight.reshape(-1)
    order = np.argsort(-abs(flat), kind="stable")
    kept = order[: asked.count(flat[order].astype(float) ** 2)]
    k, i, j = np.unravel_index(np.sort(kept), weight.shape)
    return Sparse(weight[k, i, j], k, i, j, weight.shape)


def _square(weight: Array, asked: Asked, form: str) -> None:
    asked.options_of((), form)
    _no_rank(asked, form)
    if weight.shape[1] != weight.shape[2]:
        fault = f"expected square matrices, in1={weight.shape[1]}, in2={weight.shape[2]}"
        raise ShapeError(report(f"compress: {form} does not fit", [fault], {"weight": weight}))


def _no_rank(asked: Asked, form: str) -> None:
    if asked.rank is not None or asked.rel_error is not None:
        raise ConfigError(f"compress: {form} has neither rank nor rel_error: what it leaves out is fixed")
