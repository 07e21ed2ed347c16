"""Forward: t[j] = sum_i W[i,j] x1[i] in registers, and y += sum_j t x2 from there; lanes are rows."""

from functools import lru_cache
from typing import Any, NamedTuple

from ..compiling import loops
from . import lines, moves
from .machine import Compiler, aligned, call, table, where
from .panels import SPARE_BYTES, WEIGHT_BYTES, even, panel_bytes, panel_vectors, up

BLOCK = 256  # of the sum over i, where weights are packed: with a panel of x1 in the first cache
NATIVE_BLOCK = (
    64  # where they are not: few enough rows of a weight for all to be read ahead; 256 took 1.2 times as long
)
APART_BYTES = 512  # lines of a weight that far apart meet in few sets of the cache: not packed, 1.4 times as long


class Cut(NamedTuple):
    """How the forward pass is cut."""

    rows: int  # of a task
    outputs: int  # of a task
    lanes: int
    width: int  # rows of a panel
    tall: int  # numbers of the weight in a tile; some tiles have one less
    in1: int  # block of the sum over i
    packed: int  # outputs whose weights are packed together; 0 where they are read where they lie
    piece: int  # elements of workspace


class Code(NamedTuple):
    """Where the micro-kernels of the forward pass are."""

    gather: int
    write: int
    begin: int
    pack: int
    project: int


@lru_cache(maxsize=256)
def cut_of(rows: int, outputs: int, in1: int, in2: int, compiled: Compiler, flop: int) -> Cut:
    """Cut the product of ``rows`` rows with one weight."""
    size = compiled.itemsize
    vectors = panel_vectors(rows, outputs * in1 * in2 * size, compiled)
    width, tall, lanes = vectors * compiled.lanes, even(in2, compiled.sums // vectors), compiled.lanes
    group = up(min(rows, max(width, panel_bytes(in1 * in2 * size) // (size * (in1 + in2)))), width)
    some = max(1, min(outputs, flop // (2 * group * in1 * in2)))
    packs = group > width and in2 * size >= APART_BYTES
    block = even(in1, BLOCK if packs else NATIVE_BLOCK)
    packed = max(1, min(some, WEIGHT_BYTES // (block * in2 * size))) if packs else 0
    numbers = group // width * (up(in1, lanes) + up(in2, lanes) + up(some, lanes))
    piece = numbers * width + packed * block * in2 + SPARE_BYTES // size
    return Cut(group, some, lanes, width, tall, block, packed, piece)


@lru_cache(maxsize=256)
def tables(cut: Cut, apart: bool, compiled: Compiler) -> tuple[Any, Any]:
    """The cut, and what it needs, compiled; ``apart``: the columns of y are no neighbours."""
    tall, vectors, packed = cut.tall, cut.width // cut.lanes, cut.packed > 0
    code = Code(
        compiled(lines.gather, vectors),
        compiled(lines.put if apart else lines.scatter, vectors),
        compiled(lines.begin, vectors),
        compiled(moves.pack_tiles, tall, max(1, tall - 1)) if packed else 0,
        compiled(lines.project, tall, vectors, packed),
    )
    return table(cut), table(code)


@loops
def project(cuts, codes, parts, order, x1, x2, weight, bias, out, piece, start, stop):
    """Y of all parts from ``start`` on."""
    cut, code = cuts[0], codes[0]
    size, in1, in2 = x1.itemsize, weight.shape[2], weight.shape[3]
    line, row, matrix = cut.width * size, in2 * size, in1 * in2 * size
    x1_bytes, x2_bytes = -(-in1 // cut.lanes) * cut.lanes * line, -(-in2 // cut.lanes) * cut.lanes * line
    lows = -in2 % cut.tall
    talls = -(-in2 // cut.tall) - lows
    for part in range(start, stop):
        w, place, first = parts[part, 0], parts[part, 1], parts[part, 2]
        rows, k, outputs = parts[part, 3], parts[part, 4], parts[part, 5]
        panels, y_bytes = -(-rows // cut.width), -(-outputs // cut.lanes) * cut.lanes * line
        x1_panels = aligned(piece)
        x2_panels = x1_panels + panels * x1_bytes
        y_panels = x2_panels + panels * x2_bytes
        packed, b = y_panels + panels * y_bytes, where(order) + 8 * place
        call(code.gather, where(x1) + first * in1 * size, b, in1 * size, size, rows, in1, x1_panels, x1_bytes)
        call(code.gather, where(x2) + first * in2 * size, b, in2 * size, size, rows, in2, x2_panels, x2_bytes)
        bias_k = where(bias) + (w * weight.shape[1] + k) * size if bias.size else 0
        call(code.begin, bias_k, panels, outputs, y_panels, y_bytes)
        weight_k = where(weight) + (w * weight.shape[1] + k) * matrix
        together = cut.packed if cut.packed else outputs
        for q_first in range(0, outputs, together):
            for i in range(0, in1, cut.in1):
                count, q_stop = min(cut.in1, in1 - i), min(outputs, q_first + together)
                if cut.packed:
                    for q in range(q_first, q_stop):
                        block = packed + (q - q_first) * count * row
                        call(code.pack, weight_k + q * matrix + i * row, row, count, talls, lows, block)
                for p in range(panels):
                    x1_p, x2_p = x1_panels + p * x1_bytes + i * line, x2_panels + p * x2_bytes
                    for q in range(q_first, q_stop):
                        block = packed + (q - q_first) * count * row if cut.packed else weight_k + q * matrix + i * row
                        y = y_panels + p * y_bytes + q * line
                        call(code.project, block, row, count, talls, lows, x1_p, x2_p, y)
        y = where(out) + first * out.strides[0] + k * out.strides[1]
        call(code.write, y, b, out.strides[0], out.strides[1], rows, outputs, y_panels, y_bytes)
