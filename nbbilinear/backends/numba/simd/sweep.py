"""Forward of few rows: s[i] = sum_j W[i,j] x2[j] in registers, and y += sum_i x1 s from there; lanes are numbers j.

One tile has all rows, so that the weight is read once, in the order of memory: 8 rows of 5 weights of 768 x 768 take
0.64 of the time of `weigh`, whose panels of columns wait for every line. From the second-level cache that is faster.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from ..compiling import loops
from . import lines, moves
from .machine import Compiler, aligned, call, table, where
from .panels import SPARE_BYTES, WEIGHT_BYTES

TOTALS_BYTES = 1 << 16  # sums whose lanes are yet to be added up


class Cut(NamedTuple):
    """How the weight is cut."""

    rows: int  # all
    outputs: int  # of a task
    lanes: int
    many: int  # numbers i of a tile
    totals: int  # outputs whose sums are kept together
    piece: int  # elements of workspace


class Code(NamedTuple):
    """Where the micro-kernels are."""

    clear: int
    settle: int
    sweep: int


def pays(rows: int, outputs: int, in1: int, in2: int, compiled: Compiler) -> bool:
    """Whether a tile has all rows, and the weight comes from memory."""
    return rows <= compiled.sums // 2 and outputs * in1 * in2 * compiled.itemsize > 2 * WEIGHT_BYTES


@lru_cache(maxsize=256)
def cut_of(rows: int, outputs: int, in1: int, in2: int, compiled: Compiler, flop: int) -> Cut:
    """Cut the product of ``rows`` rows with one weight; the shorter side of a tile stays in registers beside sums."""
    some = max(1, min(outputs, flop // (2 * rows * in1 * in2)))
    totals = max(1, min(some, TOTALS_BYTES // (rows * compiled.lanes * compiled.itemsize)))
    fitting = [many for many in range(2, 9) if rows * many + min(rows, many) < compiled.sums + 4]
    piece = (rows * (totals + 1) + 1) * compiled.lanes + SPARE_BYTES // compiled.itemsize
    return Cut(rows, some, compiled.lanes, max(fitting, default=1), totals, piece)


@lru_cache(maxsize=256)
def tables(cut: Cut, compiled: Compiler) -> tuple[Any, Any]:
    """The cut, and what it needs, compiled."""
    code = Code(compiled(moves.clear, 1), compiled(moves.settle), compiled(lines.sweep, cut.rows, cut.many))
    return table(cut), table(code)


@loops
def sweep(cuts, codes, parts, x1, x2, weight, bias, out, piece, start, stop):
    """Y of all parts from ``start`` on."""
    cut, code = cuts[0], codes[0]
    size, rows, in1, in2 = x1.itemsize, x1.shape[0], x1.shape[1], x2.shape[1]
    line, row, zero = cut.lanes * size, in2 * size, aligned(piece)
    call(code.clear, 1 + rows, zero)
    for part in range(start, stop):
        end = parts[part, 4] + parts[part, 5]
        for k in range(parts[part, 4], end, cut.totals):
            some, totals = min(cut.totals, end - k), zero + (1 + rows) * line
            call(code.clear, rows * some, totals)
            for q in range(some):
                call(
                    code.sweep, where(weight) + (k + q) * in1 * row, row, in2 // cut.lanes, 1 if in2 % cut.lanes else 0,
                    in2 % cut.lanes, in1 // cut.many, in1 % cut.many, where(x1), x1.strides[0],
                    where(x2), row, totals + q * line, some * line, zero + line,
                )  # fmt: skip
            begin, step = (where(bias) + k * size, size) if bias.size else (zero, 0)
            for b in range(rows):
                y = where(out) + b * out.strides[0] + k * out.strides[1]
                call(code.settle, totals + b * some * line, some, begin, step, y, out.strides[1])
