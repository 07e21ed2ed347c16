"""Panels: a block of rows with its features one under the other. How they and their tasks are cut."""

from .. import parallel
from .machine import Compiler

PANEL_BYTES = 1 << 18  # panels of a task; 1 MB measured 5 % slower, 4 MB 15 %: the weight wants the cache too
HEAVY_BYTES = 1 << 22  # the same where one matrix of the weight takes the cache: then it should be read for many rows
WEIGHT_BYTES = 1 << 19  # packed weights
SPARE_BYTES = 64  # of every piece of workspace: what is lost where it does not begin a cache line
SHARED_FLOP = 200_000_000  # most of a task that threads share, 1 ms: short against a slow one
LEAST_FLOP = 20_000_000  # of such a task, 0.1 ms: what it takes to wake a thread
ALONE_FLOP = 20_000_000_000  # of a task of a single thread, 0.1 s: an interrupt waits for the end of one


def panel_bytes(matrix_bytes: int) -> int:
    """Bytes of panels in a task, beside matrices of that many bytes."""
    return HEAVY_BYTES if matrix_bytes > PANEL_BYTES else PANEL_BYTES


def task_flop(flop: int) -> int:
    """How long tasks of ``flop`` multiplications and additions should be; what they compute does not depend on it.

    Where threads share them, a sixteenth of all: then none has much more to do than another.
    """
    return min(SHARED_FLOP, max(LEAST_FLOP, flop // 16)) if parallel.participants() > 1 else ALONE_FLOP


def flop_of(rows: int, outputs: int, in1: int, in2: int) -> int:
    """Multiplications and additions of a product of rows."""
    return 2 * rows * outputs * in1 * in2


def even(total: int, most: int) -> int:
    """The size of equal parts of at most ``most``; the last may be smaller."""
    return -(-total // -(-total // most))


def up(count: int, multiple: int) -> int:
    """``count`` rounded up."""
    return -(-count // multiple) * multiple


def panel_vectors(rows: int, weight_bytes: int, compiler: Compiler) -> int:
    """How many vectors a line of a panel has.

    Two make the fastest tiles. One where that is enough for all rows; three or four where they are just enough and the
    weight comes from memory, which is then read for all rows at once.
    """
    needed = -(-rows // compiler.lanes)
    if needed <= 2:
        return needed
    return needed if needed <= 4 and weight_bytes > 1 << 20 and compiler.sums > 16 else 2
