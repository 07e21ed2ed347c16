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
_TABLE: dict[str, Callable[[Array, Asked], Form]] = {  # name of a form -> what finds its nearest member
    "low_rank": svd.low_rank,
    "kronecker": svd.kronecker,
    "block_diagonal": projections.block_diagonal,
    "diagonal": projections.diagonal,
    "symmetric": projections.symmetric,
    "antisymmetric": projections.antisymmetric,
    "sparse": projections.sparse,
    "cp": tensors.cp,
    "tucker": tensors.tucker,
    "block_term": tensors.block_term,
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
        needs one; an option is missing.
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
    needs = _TABLE[name].__module__ != projections.__name__ or name == "sparse"
    if needs and rank is None and limit is None:
        raise ConfigError(f"compress: {name} needs rank= or rel_error=")
    array = _as_weight(weight)
    whole = array if array.ndim == 3 else array[None]
    found = _TABLE[name](whole, Asked(rank, limit, options))
    found = found.map(lambda a: np.ascontiguousarray(a, array.dtype))
    norm = float(np.linalg.norm(whole))
    error = float(np.linalg.norm(whole - found.expand())) / norm if norm else 0.0
    if array.ndim == 2 and found.may_lack_outputs:
        found = found.replace({n: a[0] if "k" in found.axes[n] else a for n, a in found.parameters.items()})
    return Compressed(found, error)


def _as_weight(weight: Any) -> Array:
    """The array of a weight, of a Parameter, or of a layer that has one."""
    held = getattr(weight, "weight", weight)
    array = np.asarray(getattr(held, "data", held) if not isinstance(held, np.ndarray) else held)
    if array.dtype.kind != "f":
        raise DTypeError(report("compress: cannot compress", ["expected floats"], {"weight": array}))
    if array.ndim not in (2, 3) or not array.size:
        fault = "expected (out, in1, in2) or (in1, in2), no size zero; compress the weights of a stack one by one"
        raise ShapeError(report("compress: cannot compress", [fault], {"weight": array}))
    return array
