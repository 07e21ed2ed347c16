"""Numbers that stand for entities and relations: they count from 0, and one that names nothing is an error."""

from typing import Any

import numpy as np

from ..errors import DTypeError, IndexRangeError, ShapeError

Array = Any


def codes(name: str, values: Array, count: int | None, *, ndim: int = 1) -> Array:
    """Return numbers of things as an array.

    NumPy's indexing counts negative numbers from the end, where the answer would be another thing's.

    Parameters
    ----------
    name : str
        What messages call them.
    values : int array
    count : int or None
        How many things there are; None: not looked at.
    ndim : int, optional

    Returns
    -------
    int array

    Raises
    ------
    IndexRangeError
        One is below 0 or not below ``count``.
    DTypeError, ShapeError
        They are not integers, or have another number of axes.

    Examples
    --------
    >>> codes("heads", [0, 3], count=4)
    array([0, 3])
    """
    try:
        found = np.asarray(values)
    except ValueError as error:
        raise ShapeError(f"{name} are no regular array: {error}") from None
    if not found.size:
        found = found.astype(np.int64)  # an empty list has no integers to tell from floats
    if found.dtype.kind not in "iu":
        raise DTypeError(f"{name} must be integers, got {found.dtype}")
    if found.ndim != ndim:
        raise ShapeError(f"{name} must have {ndim} {'axis' if ndim == 1 else 'axes'}, got shape {found.shape}")
    if count is not None and found.size and (found.min() < 0 or found.max() >= count):
        raise IndexRangeError(f"{name} must be >= 0 and < {count}, got {int(found.min())} to {int(found.max())}")
    return found


def triples(name: str, values: Array, entities: int, relations: int) -> Array:
    """Return triples (T, 3) whose entities and relations are there; errors as of :func:`codes`."""
    found = codes(name, values, None, ndim=2)
    if found.shape[1] != 3:
        raise ShapeError(f"{name} must be rows of head, relation and tail, got shape {found.shape}")
    for column, part, count in ((0, "heads", entities), (1, "relations", relations), (2, "tails", entities)):
        codes(f"{part} of {name}", found[:, column], count)
    return found
