"""Decompositions of the weight as one tensor, by TensorLy."""

from importlib import import_module
from typing import Any

import numpy as np

from ..errors import BackendError, ConfigError
from ..forms import CP, Tucker
from .asked import Asked

Array = Any
_SEED = 0  # alternating least squares starts at random where a rank exceeds a size


def cp(weight: Array, asked: Asked) -> CP:
    """The sum of products of vectors that alternating least squares finds, from singular vectors.

    Not sure to be the nearest: that is NP-hard. Source: ``tensorly.decomposition.parafac``.
    """
    asked.options_of((), "cp")
    tensorly = _tensorly()
    out, in1, in2 = weight.shape
    found = None
    for rank in asked.ranks(min(in1 * in2, out * in1, out * in2)):
        weights, (c, a, b) = tensorly.parafac(weight, rank=rank, n_iter_max=200, tol=1e-8, random_state=_SEED)
        found = CP(a, b, c * weights)
        if asked.rel_error is not None and _error(weight, found) <= asked.rel_error:
            break
    return found  # type: ignore[return-value]  # there is at least one rank


def tucker(weight: Array, asked: Asked) -> Tucker:
    """The small weight between matrices that orthogonal iteration finds, from singular vectors of each side.

    ``rank`` is a number for all three sides, or ``(rank, rank1, rank2)``; sizes bound it.
    Source: ``tensorly.decomposition.tucker``.
    """
    asked.options_of((), "tucker")
    tensorly = _tensorly()
    if asked.rel_error is not None:
        # Truncating side after side loses at most the sum of what each loses: a third of the square for each.
        each = Asked(None, asked.rel_error / np.sqrt(3), {})
        ranks = [each.count(np.linalg.svd(_side(weight, axis), compute_uv=False) ** 2) for axis in range(3)]
    else:
        given = asked.rank if isinstance(asked.rank, (tuple, list)) else (asked.rank,) * 3
        if len(given) != 3:
            raise ConfigError(f"compress: rank of tucker must be a number or (rank, rank1, rank2), got {asked.rank!r}")
        ranks = [Asked(one, None, {}).count(np.ones(size)) for one, size in zip(given, weight.shape, strict=True)]
    core, (c, a, b) = tensorly.tucker(weight, rank=ranks, random_state=_SEED)
    return Tucker(a, b, core, c)


def _side(weight: Array, axis: int) -> Array:
    return np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1)


def _error(weight: Array, form: CP) -> float:
    return float(np.linalg.norm(weight - form.expand()) / np.linalg.norm(weight))


def _tensorly() -> Any:
    try:
        return import_module("tensorly.decomposition")
    except ImportError as missing:
        message = f"compress: cp and tucker need TensorLy ({missing}): pip install 'nbbilinear[tensorly]'"
        raise BackendError(message) from missing
