"""Tasks: parts of a product that own what they write, so that any thread may do any of them.

A row of the table is ``(weight, place, first, rows, first output, outputs)``: ``rows`` rows from number ``place`` of
the order on, their numbers counted from ``first``. No sum is ever split between parts: bits do not depend on them.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .. import parallel

Array = Any
SPEED = 1.5e11  # flop per second, to tell how many tasks are worth sharing


class Segments(NamedTuple):
    """Rows that choose a weight each: an order in which those of one are neighbours, where they start, how many."""

    order: Array
    weights: Array
    starts: Array
    counts: Array


def segments(which: Array | None) -> Segments | None:
    """Rows by their weight; None where there is one weight.

    Small numbers are sorted by their digits: 4096 of them in a twelfth of the time.
    """
    if which is None:
        return None
    short = which.astype(np.uint16) if which.max() < 1 << 16 else which
    order = short.argsort(kind="stable")
    arranged = which[order]
    edges = (arranged[1:] != arranged[:-1]).nonzero()[0]
    starts = np.zeros(len(edges) + 1, np.int64)
    np.add(edges, 1, out=starts[1:])
    counts = np.empty_like(starts)
    np.subtract(starts[1:], starts[:-1], out=counts[:-1])
    counts[-1] = len(which) - starts[-1]
    return Segments(order, arranged[starts], starts, counts)


def of_rows(found: Segments | None, rows: int, step: int, outputs: int, width: int) -> tuple[Array, Array]:
    """An order of the rows and the tasks in it: at most ``step`` rows of one weight by ``width`` outputs each."""
    if found is None:
        return counting(min(rows, step)), _of_one_weight(rows, step, outputs, width)
    order, weights, starts, counts = found
    if counts.max() <= step:
        return order, _crossed(weights, starts, 0, counts, outputs, width)
    parts = -(-counts // step)
    part = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    place = np.repeat(starts, parts) + part * step
    some = np.minimum(step, np.repeat(starts + counts, parts) - place)
    return order, _crossed(np.repeat(weights, parts), place, 0, some, outputs, width)


@lru_cache(maxsize=256)
def _of_one_weight(rows: int, step: int, outputs: int, width: int) -> Array:
    first = np.arange(0, rows, step)
    return _crossed(0, 0, first, np.minimum(step, rows - first), outputs, width)


def _crossed(weight: Any, place: Any, first: Any, rows: Array, outputs: int, width: int) -> Array:
    """Every part of the rows with every part of the outputs."""
    k = range(0, outputs, width)
    table = np.empty((len(k), len(rows), 6), np.int64)
    for column, values in enumerate((weight, place, first, rows)):
        table[:, :, column] = values
    for line, start in zip(table, k, strict=True):
        line[:, 4], line[:, 5] = start, min(width, outputs - start)
    return table.reshape(-1, 6)


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
