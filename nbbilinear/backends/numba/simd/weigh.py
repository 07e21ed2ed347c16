"""Forward: t[j] = sum_i x1[i] W[i,j] in registers, and y += sum_j t x2 from there; lanes are columns of W.

Rows of x1, x2 and y stay where they lie, so that nothing is rearranged: that pays for few outputs.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from ..compiling import loops
from . import moves
from .machine import aligned, call, compiler, table, where
from .panels import SPARE_BYTES, even, up

BLOCK = 256  # of the sum over i, or j: a panel of the weight stays in the first cache
ROW_BYTES = 1 << 19  # rows of a task, in the second-level cache while panel after panel of the weight passes


class Cut(NamedTuple):
    """How rows and weights are cut."""

    rows: int  # of a task
    outputs: int  # of a task
    lanes: int
    tall: int  # rows of a tile
    last: int  # rows of the last tile
    width: int  # columns of a tile
    sums: int  # block of the sum over i, or over j
    packed: bool  # panels of the weight are packed; else they are read where they lie
    piece: int  # elements of workspace


class Code(NamedTuple):
    """Where the micro-kernels are: tiles for whole panels of columns, and for the columns at the end."""

    clear: int
    settle: int
    pack: int
    gather: int
    whole: int
    end: int


@lru_cache(maxsize=256)
def cut_of(rows: int, outputs: int, in1: int, in2: int, dtype: Any, flop: int) -> Cut:
    """Cut the product of ``rows`` rows with one weight."""
    compiled, size = compiler(dtype), dtype.itemsize
    vectors = min(4 if rows <= compiled.sums // 4 else 2, -(-max(in1, in2) // compiled.lanes))
    tall = even(rows, compiled.sums // max(2, vectors))  # more rows would have more addresses than registers
    group = min(up(rows, tall), up(max(8 * tall, ROW_BYTES // (size * max(in1, in2))), tall))
    some = max(1, min(outputs, flop // (2 * group * in1 * in2)))
    width, block = vectors * compiled.lanes, min(max(in1, in2), BLOCK)
    packed = rows > 2 * tall
    piece = (group + 1) * compiled.lanes + up(block, compiled.lanes) * width + SPARE_BYTES // size
    last = rows - (rows - 1) // tall * tall
    return Cut(group, some, compiled.lanes, tall, last, width, block, packed, piece)


@lru_cache(maxsize=256)
def tables(emit: Any, transposed: bool, cut: Cut, dtype: Any) -> tuple[Any, Any]:
    """The cut, and the tiles that ``emit`` writes with what they need, compiled."""
    compiled, vectors = compiler(dtype), cut.width // cut.lanes
    code = Code(
        compiled(moves.clear, 1),
        compiled(moves.settle),
        compiled(moves.pack, cut.width),
        compiled(moves.gather, vectors) if transposed else 0,
        *(compiled(emit, cut.tall, cut.last, vectors, masked) for masked in (False, True)),
    )
    return table(cut), table(code)


@loops
def weigh(cuts, codes, parts, x1, x2, weight, bias, out, piece, start, stop):
    """Y of all parts from ``start`` on."""
    cut, code = cuts[0], codes[0]
    size, in1, in2 = x1.itemsize, weight.shape[2], weight.shape[3]
    totals = aligned(piece)
    zero = totals + cut.rows * cut.lanes * size
    panel = zero + cut.lanes * size
    call(code.clear, 1, zero)
    for part in range(start, stop):
        first, rows = parts[part, 2], parts[part, 3]
        talls, lasts = rows // cut.tall, 1 if rows % cut.tall else 0
        for k in range(parts[part, 4], parts[part, 4] + parts[part, 5]):
            call(code.clear, rows, totals)
            for i in range(0, in1, cut.sums):
                for j in range(0, in2, cut.width):
                    w, count = where(weight) + ((k * in1 + i) * in2 + j) * size, min(cut.sums, in1 - i)
                    step, ahead = in2 * size, cut.width * size
                    if cut.packed:
                        call(code.pack, w, step, count, in2 - j, panel)
                        w, step, ahead = panel, cut.width * size, 0
                    left, right = where(x1) + (first * in1 + i) * size, where(x2) + (first * in2 + j) * size
                    call(
                        code.whole if in2 - j >= cut.width else code.end, talls, lasts, left, in1 * size, w, step,
                        count, ahead, in2 - j, right, in2 * size, totals,
                    )  # fmt: skip
            y = where(out) + first * out.strides[0] + k * out.strides[1]
            call(code.settle, totals, rows, where(bias) + k * size if bias.size else zero, 0, y, out.strides[0])
