"""Tasks: parts of a product that own what they write, so that any thread may do any of them.

A row of the table is ``(weight, place, first, rows, first output, outputs)``: ``rows`` rows from number ``place`` of
the order on, their numbers counted from ``first``. No sum is ever split between parts: bits do not depend on them.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .. import parallel

Array = Any
SPEED = 1.5e11  # flop per second, to tell how many tasks are worth sharing


def of_rows(which: Array | None, rows: int, step: int, outputs: int, width: int) -> tuple[Array, Array]:
    """An order of the rows and the tasks in it: at most ``step`` rows of one weight by ``width`` outputs each."""
    if which is None:
        return counting(min(rows, step)), _of_one_weight(rows, step, outputs, width)
    order = np.argsort(which, kind="stable")
    arranged = which[order]
    edges = np.flatnonzero(arranged[1:] != arranged[:-1]) + 1
    starts, stops = np.concatenate([[0], edges]), np.concatenate([edges, [len(which)]])
    counts = stops - starts
    if counts.max() <= step:
        return order, _crossed(arranged[starts], starts, np.zeros_like(starts), counts, outputs, width)
    parts = -(-counts // step)
    part = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    place = np.repeat(starts, parts) + part * step
    some = np.minimum(step, np.repeat(starts + counts, parts) - place)
    return order, _crossed(np.repeat(arranged[starts], parts), place, np.zeros_like(place), some, outputs, width)


@lru_cache(maxsize=256)
def _of_one_weight(rows: int, step: int, outputs: int, width: int) -> Array:
    first = np.arange(0, rows, step)
    none = np.zeros_like(first)
    return _crossed(none, none, first, np.minimum(step, rows - first), outputs, width)


def _crossed(weight: Array, place: Array, first: Array, rows: Array, outputs: int, width: int) -> Array:
    """Every part of the rows with every part of the outputs."""
    if width >= outputs:
        whole = np.zeros_like(first)
        return np.stack([weight, place, first, rows, whole, whole + outputs], axis=1)
    k = np.arange(0, outputs, width)
    some = np.minimum(width, outputs - k)
    by_rows = [np.tile(column, len(k)) for column in (weight, place, first, rows)]
    return np.stack([*by_rows, *(np.repeat(column, len(first)) for column in (k, some))], axis=1).astype(np.int64)


def run(
    body: Callable[..., None], args: tuple[Any, ...], parts: Array, flop: int, workspace: Array, piece: int
) -> None:
    """Do all tasks of a loop of about ``flop``, short ones several at a time: to begin some takes 3 us."""
    chunk = parallel.chunk_size(len(parts), flop // len(parts), SPEED)
    parallel.run(body, args, len(parts), chunk, workspace, piece)


@lru_cache(maxsize=64)
def counting(rows: int) -> Array:
    """The order of rows as they are."""
    return np.arange(rows)
