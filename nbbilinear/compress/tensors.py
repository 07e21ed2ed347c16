"""Decompositions of the weight as one tensor, by TensorLy."""

from importlib import import_module
from typing import Any

import numpy as np

from ..errors import BackendError, ConfigError
from ..forms import CP, BlockTerm, Tucker
from .asked import Asked

Array = Any
_SWEEPS, _SETTLED = 50, 1e-4  # over the blocks of a block-term decomposition; what a sweep has to gain to be followed
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
        ranks = _three(asked, weight, "tucker")
    core, (c, a, b) = tensorly.tucker(weight, rank=ranks, random_state=_SEED)
    return Tucker(a, b, core, c)


def block_term(weight: Array, asked: Asked) -> BlockTerm:
    """The sum of ``blocks`` small weights between matrices: each in turn fitted to what the others leave.

    ``rank`` as of Tucker, of every block. Not sure to be the nearest. Source: De Lathauwer and Nion 2008, with a
    block's own alternation by ``tensorly.decomposition.tucker``.
    """
    (blocks,) = asked.options_of(("blocks",), "block_term")
    if asked.rel_error is not None:
        raise ConfigError("compress: block_term needs rank=: no rank of blocks follows from rel_error")
    tensorly, ranks = _tensorly(), _three(asked, weight, "block_term")
    parts: list[Tucker | None] = [None] * blocks
    rest, before = weight.astype(np.float64), np.inf
    for _ in range(_SWEEPS):
        for n, part in enumerate(parts):
            whole = rest if part is None else rest + part.expand()
            core, (c, a, b) = tensorly.tucker(whole, rank=ranks, random_state=_SEED)
            fitted = Tucker(a, b, core, c)
            left = whole - fitted.expand()
            if part is None or np.linalg.norm(left) < np.linalg.norm(rest):
                parts[n], rest = fitted, left
        error = float(np.linalg.norm(rest))
        if blocks == 1 or error >= (1 - _SETTLED) * before:
            break
        before = error
    a, b, core, c = (np.stack([part.parameters[name] for part in parts if part]) for name in ("a", "b", "core", "c"))
    return BlockTerm(a, b, core, c.swapaxes(0, 1))


def _three(asked: Asked, weight: Array, form: str) -> list[int]:
    """The ranks of the sides, each at most its size."""
    given = asked.rank if isinstance(asked.rank, (tuple, list)) else (asked.rank,) * 3
    if len(given) != 3:
        raise ConfigError(f"compress: rank of {form} must be a number or (rank, rank1, rank2), got {asked.rank!r}")
    return [Asked(one, None, {}).count(np.ones(size)) for one, size in zip(given, weight.shape, strict=True)]


def _side(weight: Array, axis: int) -> Array:
    return np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1)


def _error(weight: Array, form: CP) -> float:
    return float(np.linalg.norm(weight - form.expand()) / np.linalg.norm(weight))


def _tensorly() -> Any:
    try:
        return import_module("tensorly.decomposition")
    except ImportError as missing:
        message = f"compress: cp, tucker and block_term need TensorLy ({missing}): pip install 'nbbilinear[tensorly]'"
        raise BackendError(message) from missing
