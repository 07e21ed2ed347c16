"""Rows by the weight they use, so that a weight is read where it lies and never gathered."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

Array = Any


def groups(xp: Any, which: Array | None, count: int, first: int = 0) -> Iterator[tuple[Any, int]]:
    """Yield ``(rows, weight)`` for the ``count`` rows from ``first`` on, rows counted from zero.

    Rows come as a slice where they are neighbours, else as an index array in ascending order.

    >>> import numpy as np
    >>> [(np.arange(4)[rows].tolist(), w) for rows, w in groups(np, np.array([2, 0, 2, 0]), 4)]
    [([1, 3], 0), ([0, 2], 2)]
    """
    if which is None:
        yield slice(0, count), 0
        return
    here = which[first : first + count]
    order = xp.argsort(here, kind="stable")
    arranged = here[order]
    starts = xp.flatnonzero(arranged[1:] != arranged[:-1]) + 1
    edges, used = [0, *starts.tolist(), count], [*arranged[:1].tolist(), *arranged[starts].tolist()]
    in_place = bool((order[1:] > order[:-1]).all())
    for (start, stop), w in zip(pairwise(edges), used, strict=count > 0):
        yield slice(start, stop) if in_place else order[start:stop], w


def sorted_by_weight(xp: Any, which: Array | None) -> tuple[Array | None, Array | None]:
    """An order of rows in which those of a weight are neighbours (None: as they are), and ``which`` in that order."""
    if which is None or bool((which[1:] >= which[:-1]).all()):
        return None, which
    order = xp.argsort(which, kind="stable")
    return order, which[order]
