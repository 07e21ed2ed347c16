"""The gradient of a weight: dW[k,i,j] = sum_b g[b,k] x1[b,i] x2[b,j]; lanes are j.

z[b,j] = f[b] x2[b,j] is made once for a number f of g or x1, in a block of rows that stays in the first cache; then a
tile of sums for every few numbers of the other, the third factor.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ....problem import Problem
from .. import parallel
from ..arrays import LARGE
from ..compiling import loops, weights_of
from ..portable.rows import bias_gradient
from . import lines, moves, tasks
from .machine import Compiler, aligned, call, table, where
from .panels import SPARE_BYTES, even, flop_of, task_flop, up
from .tasks import Segments, counting, of_rows

Array = Any

BLOCK = 256  # of the sum over rows
PAST_BYTES = LARGE  # of dW that is written past the caches: 512 MB took 0.72 of the time, 64 MB 0.9, 12 MB 1
Z_BYTES = 1 << 17  # in the second-level cache; a row of dW is written in one stretch where z of all j fits
PACKING = 140  # products of a number that take five times as long as to pack it: what a task should do


class Cut(NamedTuple):
    """How dW is cut."""

    rows: int  # block of the sum over rows
    factors: int  # numbers of f in a task
    thirds: int  # numbers of the third factor in a task
    tall: int  # sums down a tile
    last: int  # sums down the last tile
    width: int  # of a panel of x2
    stretch: int  # numbers j whose z are made together
    lanes: int
    piece: int  # elements of workspace


class Code(NamedTuple):
    """Where the micro-kernels of dW are."""

    pick: int
    pick_tiles: int
    scale: int
    product: int
    product_past: int


@lru_cache(maxsize=256)
def _cut_of(rows: int, factors: int, thirds: int, in2: int, compiled: Compiler, flop: int) -> Cut:
    """Cut dW of one weight into tasks of about ``flop``, along f or along the third factor."""
    lanes, vectors = compiled.lanes, 1 if in2 <= compiled.lanes else 2
    width, tall, block = vectors * lanes, even(thirds, compiled.sums // vectors), min(rows, BLOCK)
    some, per_factor = factors, 2 * rows * in2 * thirds
    if per_factor * factors > flop:
        paying = PACKING * (in2 + thirds) // (in2 * thirds)
        some = max(1, flop // per_factor, min(paying, -(-factors // 4)))
    few = thirds
    if factors == 1:
        few = min(thirds, up(max(1, flop // (2 * rows * in2), min(PACKING, -(-thirds // 4))), tall))
    stretch = min(up(in2, width), up(max(1, Z_BYTES // (block * compiled.itemsize)), width))
    line = up(in2, width) + stretch + up(few, lanes)
    last = thirds - (thirds - 1) // tall * tall
    return Cut(block, some, few, tall, last, width, stretch, lanes, block * line + SPARE_BYTES // compiled.itemsize)


@lru_cache(maxsize=256)
def tables(cut: Cut, past: bool, compiled: Compiler) -> tuple[Any, Any]:
    """The cut, and what it needs, compiled; ``past``: dW may be written past the caches."""
    vectors = cut.width // cut.lanes
    code = Code(
        compiled(moves.pick, cut.width),
        compiled(moves.pick_tiles, cut.tall, cut.last),
        compiled(moves.scale, vectors),
        compiled(lines.product, cut.tall, cut.last, vectors, False),
        compiled(lines.product, cut.tall, cut.last, vectors, True) if past else 0,
    )
    return table(cut), table(code)


def fill(
    grad_output: Array, x1: Array, x2: Array, which: Array | None, found: Segments | None, dweight: Array | None,
    dbias: Array | None, workspace: Array, accumulate: bool, compiled: Compiler,
) -> None:  # fmt: skip
    """dW and the gradient of the bias, where they are wanted; ``found``: the rows by their weight."""
    if dbias is not None:
        operands = (grad_output, weights_of(which), dbias, accumulate)
        parallel.run(bias_gradient, operands, dbias.shape[1], parallel.chunk_size(dbias.shape[1], len(x1)))
    if dweight is None:
        return
    if found is not None and not accumulate:
        clear_unused(dweight, found)
    outputs, in1, in2 = dweight.shape[1:]
    unit = grad_output.strides[1] == grad_output.itemsize
    by_x1 = x1_is_third(outputs, in1) or not unit  # tiles are packed from neighbouring columns
    third, factor = (x1, grad_output) if by_x1 else (grad_output, x1)
    cut = cut_of(by_x1, len(x1), outputs, in1, in2, compiled)
    whole, some = (third.shape[1], cut.thirds) if factor.shape[1] == 1 else (factor.shape[1], cut.factors)
    order, parts = of_rows(found, len(x1), len(x1), whole, some)
    if which is None:
        order = counting(cut.rows)
    past = dweight.nbytes >= PAST_BYTES and in2 % cut.width == 0 and cut.rows == len(x1)
    args = (
        *tables(cut, past, compiled),
        parts,
        order,
        third,
        factor,
        x2,
        dweight,
        by_x1,
        which is not None,
        accumulate,
    )
    tasks.run(weight_gradient, args, parts, flop_of(len(x1), outputs, in1, in2), workspace, cut.piece)


def clear_unused(gradient: Array, found: Segments) -> None:
    """gradient[w] = 0 for the weights that no row uses, since no task has them."""
    if len(found.weights) < len(gradient):
        unused = np.ones(len(gradient), bool)
        unused[found.weights] = False
        gradient[unused] = 0


def cut_of(by_x1: bool, rows: int, outputs: int, in1: int, in2: int, compiled: Compiler) -> Cut:
    """The cut for the settings in force."""
    factors, thirds = (outputs, in1) if by_x1 else (in1, outputs)
    return _cut_of(rows, factors, thirds, in2, compiled, task_flop(flop_of(rows, outputs, in1, in2)))


def most(problem: Problem, compiled: Compiler) -> int:
    """Elements of workspace for a thread, whichever factor is the third."""
    if "weight" not in problem.wrt:
        return 0
    sizes = (problem.shared, problem.out_features, problem.in1, problem.in2)
    return max(cut_of(by_x1, *sizes, compiled).piece for by_x1 in (False, True))


def x1_is_third(outputs: int, in1: int) -> bool:
    """Whether f is of g and the third factor x1, or the other way: tiles want many of the third."""
    return in1 >= min(outputs, 14)


@loops
def weight_gradient(
    cuts, codes, parts, order, third, factor, x2, dweight, by_x1, selected, accumulate, piece, start, stop
):
    """dW of all parts from ``start`` on."""
    cut, code = cuts[0], codes[0]
    size, in2 = x2.itemsize, x2.shape[1]
    k_step, i_step = dweight.strides[1], dweight.strides[2]
    third_step, factor_step = (i_step, k_step) if by_x1 else (k_step, i_step)
    f_row, f_column, panel_bytes = factor.strides[0], factor.strides[1], cut.rows * cut.width * size
    begins_lines = (where(dweight) | third_step | factor_step) % 64 == 0
    product = code.product_past if code.product_past != 0 and begins_lines and not accumulate else code.product
    for part in range(start, stop):
        place, first, rows, begin, some = parts[part, 1], parts[part, 2], parts[part, 3], parts[part, 4], parts[part, 5]
        f, fs, t, ts = begin, some, 0, third.shape[1]
        if factor.shape[1] == 1:
            f, fs, t, ts = 0, 1, begin, some
        talls, lasts, z = ts // cut.tall, 1 if ts % cut.tall else 0, aligned(piece)
        panels = z + cut.stretch // cut.width * panel_bytes
        packed = panels + -(-in2 // cut.width) * panel_bytes
        c = where(dweight) + parts[part, 0] * dweight.strides[0] + f * factor_step + t * third_step
        for b in range(0, rows, cut.rows):
            count, add = min(cut.rows, rows - b), 1 if accumulate or b > 0 else 0
            here, numbers = (0, where(order) + 8 * (place + b)) if selected else (first + b, where(order))
            tiles, x2_panels = where(third) + here * third.strides[0] + t * size, where(x2) + here * in2 * size
            if selected or cut.tall * size != third.strides[0] or ts != cut.tall:  # else they are one tile as they lie
                call(code.pick_tiles, tiles, numbers, third.strides[0], count, talls, lasts, packed)
                tiles = packed
            if selected or cut.width != in2:  # else they are one panel
                for j in range(0, in2, cut.width):
                    panel = panels + j // cut.width * panel_bytes
                    call(code.pick, x2_panels + j * size, numbers, in2 * size, count, in2 - j, panel)
                x2_panels = panels
            for q in range(fs):
                factors = where(factor) + here * f_row + (f + q) * f_column
                for j in range(0, in2, cut.stretch):
                    panel, columns = x2_panels + j // cut.width * panel_bytes, min(cut.stretch, in2 - j)
                    for v in range(0, columns, cut.width):
                        at = v // cut.width * panel_bytes
                        call(code.scale, factors, numbers, f_row, panel + at, count, z + at)
                    c_q = c + q * factor_step + j * size
                    call(product, tiles, talls, lasts, z, panel_bytes, count, c_q, third_step, columns, add)
