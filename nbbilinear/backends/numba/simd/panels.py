"""Panels: a block of rows with its features one under the other. How they are cut, and the loops that fill them."""

import numpy as np

from .. import parallel
from ..compiling import loops
from .machine import Compiler, call

PANEL_BYTES = 1 << 18  # panels of a task; 1 MB measured 5 % slower, 4 MB 15 %: the weight wants the cache too
HEAVY_BYTES = 1 << 22  # the same where one matrix of the weight takes the cache: then it should be read for many rows
WEIGHT_BYTES = 1 << 19  # packed weights
SPARE_BYTES = 64  # of every piece of workspace: what is lost where it does not begin a cache line
SHARED_FLOP = 200_000_000  # of a task that threads share, 1 ms: long against waking one, short against a slow one
ALONE_FLOP = 20_000_000_000  # of a task of a single thread, 0.1 s: an interrupt waits for the end of one


def panel_bytes(matrix_bytes: int) -> int:
    """Bytes of panels in a task, beside matrices of that many bytes."""
    return HEAVY_BYTES if matrix_bytes > PANEL_BYTES else PANEL_BYTES


def task_flop() -> int:
    """How long tasks should be, in multiplications and additions; what they compute does not depend on it."""
    return SHARED_FLOP if parallel.participants() > 1 else ALONE_FLOP


def even(total: int, most: int) -> int:
    """The size of equal parts of at most ``most``; the last may be smaller."""
    return -(-total // -(-total // most))


def up(count: int, multiple: int) -> int:
    """``count`` rounded up."""
    return -(-count // multiple) * multiple


def panel_vectors(rows: int, weight_bytes: int, compiler: Compiler) -> int:
    """How many vectors a line of a panel has.

    Two make the fastest tiles. One where that is enough for all rows; four where they are just enough and the weight
    comes from memory, which is then read for twice as many rows.
    """
    if rows <= compiler.lanes:
        return 1
    return 4 if 2 * compiler.lanes < rows <= 4 * compiler.lanes and weight_bytes > 1 << 20 and compiler.sums > 16 else 2


@loops
def gather_rows(code, x, first, order, rows, width, panel, panel_bytes):
    """Fill panels with the rows ``first`` + order of x."""
    here, row_step, column_step = where(x) + first * x.strides[0], x.strides[0], x.strides[1]
    for b in range(0, rows, width):
        if column_step == x.itemsize:
            call(code.gather, here, order + 8 * b, row_step, rows - b, x.shape[1], panel)
        else:
            call(code.take, here, order + 8 * b, row_step, column_step, rows - b, x.shape[1], panel)
        panel += panel_bytes


@loops
def scatter_rows(code, x, first, column, count, order, rows, width, panel, panel_bytes):
    """Write panels to ``count`` columns, from ``column`` on, of the rows ``first`` + order of x."""
    row_step, column_step = x.strides[0], x.strides[1]
    here = where(x) + first * row_step + column * column_step
    for b in range(0, rows, width):
        if column_step == x.itemsize:
            call(code.scatter, here, order + 8 * b, row_step, rows - b, count, panel)
        else:
            call(code.put, here, order + 8 * b, row_step, column_step, rows - b, count, panel)
        panel += panel_bytes


@loops
def where(array):
    """The address of an array, signed: Numba adds an unsigned and a signed integer as float64."""
    return np.int64(array.ctypes.data)


@loops
def aligned(array):
    """The first address of an array that begins a cache line."""
    return (where(array) + 63) // 64 * 64
