"""From a weight to the form nearest to it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..errors import ConfigError, DTypeError, ShapeError, report
from ..forms import FORMS, Form
from ..scalars import number
from . import projections, svd, tensors
from .asked import Asked

Array = Any


class _Way(NamedTuple):
    """What finds the nearest member of a form, and the parameters of which each is a factor of the weight."""

    find: Callable[[Array, Asked], Form]
    factors: tuple[str, ...] = ("weight",)


_TABLE = {  # by the name of a form
    "low_rank": _Way(svd.low_rank, ("u", "v")),
    "kronecker": _Way(svd.kronecker, ("a", "b")),
    "block_diagonal": _Way(projections.block_diagonal),
    "diagonal": _Way(projections.diagonal),
    "symmetric": _Way(projections.symmetric),
    "antisymmetric": _Way(projections.antisymmetric),
    "sparse": _Way(projections.sparse, ("values",)),
    "cp": _Way(tensors.cp, ("c",)),
    "tucker": _Way(tensors.tucker, ("core",)),
    "block_term": _Way(tensors.block_term, ("core",)),
}


class Compressed(NamedTuple):
    """A form, and how far it is from the weight: ``|W - form| / |W|``, Frobenius."""

    form: Form
    rel_error: float


def compress(
    weight: Any, form: str | type[Form], *, rank: Any = None, rel_error: float | None = None, **options: int
) -> Compressed:
    """Return the form nearest to a weight, and its relative error.

    Parameters
    ----------
    weight : (out, in1, in2) or (in1, in2) float array, or a layer with such a ``weight``
    form : str or type of Form
        ``"low_rank"``, ``"kronecker"``, ``"cp"``, ``"tucker"``, ``"block_term"``, ``"sparse"``, ``"block_diagonal"``,
        ``"diagonal"``, ``"symmetric"``, ``"antisymmetric"``, or the class.
    rank : int, optional
        Of the form: rank, number of terms (Kronecker), of numbers kept (sparse); for Tucker and block terms also
        ``(rank, rank1, rank2)``.
    rel_error : float, optional
        In place of ``rank``: the least rank with at most this error (CP: of those tried).
    **options : int
        ``factor1, factor2`` of Kronecker, ``blocks`` of block-diagonal and of block terms.

    Returns
    -------
    Compressed
        ``(form, rel_error)``; the form's parameters have the weight's dtype. ``LowRankBilinear.of(form, bias)`` makes a
        layer of it.

    Raises
    ------
    ConfigError
        The form is unknown or cannot be found so; not exactly one of ``rank`` and ``rel_error`` is given where the form
        needs one; an option is missing; the weight has numbers that are not finite.
    ShapeError, DTypeError
        The weight has other axes, sizes that do not divide, or is not of floats.
    BackendError
        CP, Tucker and block terms without TensorLy.

    Notes
    -----
    Low rank, Kronecker, sparse and the projections are the nearest there are; CP, Tucker and block terms what
    iteration finds.
    Cost: singular value decompositions, and one array of the weight's size for the error.
    Source: Eckart and Young 1936; Van Loan and Pitsianis 1993; TensorLy.

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> weight = np.diag([4.0, 3.0, 0.0])
    >>> form, rel_error = nbl.compress(weight, "low_rank", rank=1)
    >>> form, round(rel_error, 3)
    (LowRank(u=(3, 1), v=(3, 1), float64), 0.6)
    """
    name = form if isinstance(form, str) else next((n for n, kind in FORMS.items() if kind is form), repr(form))
    if name not in _TABLE:
        raise ConfigError(f"compress: no way to find {name!r}; there are {', '.join(map(repr, _TABLE))}")
    limit = None if rel_error is None else number("compress: rel_error", rel_error)
    if rank is not None and limit is not None:
        raise ConfigError("compress: give rank or rel_error, not both")
    way = _TABLE[name]
    needs = way.find.__module__ != projections.__name__ or name == "sparse"
    if needs and rank is None and limit is None:
        raise ConfigError(f"compress: {name} needs rank= or rel_error=")
    array = _as_weight(weight)
    whole = array if array.ndim == 3 else array[None]
    whole, half = _scaled(whole)
    found = way.find(whole, Asked(rank, limit, options))
    found = found.map(lambda a: np.ascontiguousarray(a, array.dtype))
    norm = _norm(whole)
    error = _norm(whole - found.expand()) / norm if norm else 0.0
    found = _scaled_back(found, way.factors, half)
    if array.ndim == 2 and found.may_lack_outputs:
        found = found.replace({n: a[0] if "k" in found.axes[n] else a for n, a in found.parameters.items()})
    return Compressed(found, error)


def _scaled(weight: Array) -> tuple[Array, int]:
    """The weight over ``4 ** half``: its largest magnitude is near 1, and squares neither overflow nor vanish."""
    half = int(np.frexp(abs(weight).max())[1]) // 2
    return np.ldexp(weight, -2 * half), half


def _scaled_back(form: Form, factors: tuple[str, ...], half: int) -> Form:
    """The form times ``4 ** half``: a power of two for each of one or two factors, so that nothing is rounded."""
    exponent = 2 * half // len(factors)
    return form.replace({n: np.ldexp(a, exponent) if n in factors else a for n, a in form.parameters.items()})


def _norm(array: Array) -> float:
    return float(np.sqrt(np.square(array, dtype=np.float64).sum()))


def _as_weight(weight: Any) -> Array:
    """The array of a weight, of a Parameter, or of a layer that has one."""
    held = getattr(weight, "weight", weight)
    array = np.asarray(getattr(held, "data", held) if not isinstance(held, np.ndarray) else held)
    if array.dtype not in (np.float32, np.float64):
        fault = "expected floats, float32 or float64; convert with .astype first"
        raise DTypeError(report("compress: cannot compress", [fault], {"weight": array}))
    if not np.isfinite(array).all():
        fault = "numbers must be finite: a decomposition of others does not end"
        raise ConfigError(report("compress: cannot compress", [fault], {"weight": array}))
    if array.ndim not in (2, 3) or not array.size:
        fault = "expected (out, in1, in2) or (in1, in2), no size zero; compress the weights of a stack one by one"
        raise ShapeError(report("compress: cannot compress", [fault], {"weight": array}))
    return array
