"""What the kernels for rows cost, and the memory that they need beside operands and results."""

from typing import Any

from ...problem import Problem
from ..contract import Work
from .choice import Extent, cut_of_bias, cut_of_weight, rows_at_a_time, tile_of
from .tiles import KINDS

Device = Any
_LIMIT = 2**31 - 1  # sizes and block numbers are 32-bit integers; places in arrays are not


def work(device: Device, problem: Problem) -> Work | None:
    """What is computed, tiles beyond the edges among it; every operand read once, and one call for every launch."""
    kind = device.kind(problem.dtype)
    if kind is None or _is_too_large(problem):
        return None
    rows, in1, in2, outs, wrt = problem.shared, problem.in1, problem.in2, problem.out_features, set(problem.wrt)
    if problem.selected and rows_at_a_time(device, kind, rows, in1, in2) < rows:
        return None  # rows in another order cannot be taken by blocks
    tile, parts = cut_of_weight(device, kind, rows, outs, in1, in2)
    flop, passes = 0.0, 0
    if "weight" in wrt:
        flop, passes = 2 * rows * Extent(in1, in2, outs, whole=False).sums(tile, device.processors / parts), 1
    for name, extent, wanted in (
        ("forward", Extent(rows, in2, outs), not wrt),
        ("inputs", Extent(rows, in2, 1), bool(wrt & {"x1", "x2"})),
    ):
        if wanted:
            chosen = tile_of(device.tiles, name, kind, extent, device.processors)
            terms = in1 if name == "forward" else in1 * -(-outs // chosen.depth) * chosen.depth
            flop, passes = flop + 2 * terms * extent.sums(chosen, device.processors), passes + 1
    elements = rows * (in1 + in2 + outs) + problem.weights * outs * in1 * in2
    moved = passes * elements * int(KINDS[kind].stored[1])
    return Work(int(flop), moved, passes + 2 * ("bias" in wrt) + 20 * problem.selected)


def workspace(device: Device, problem: Problem) -> int:
    """Elements of what slices of the weight's or the bias's gradient leave, or dx1 in half floats; one at a time."""
    kind, wrt = device.kind(problem.dtype), problem.wrt
    rows, in1, in2, outs = problem.shared, problem.in1, problem.in2, problem.out_features
    needs = [0]
    if KINDS[kind].halves and "x1" in wrt:
        tile = tile_of(device.tiles, "inputs", kind, Extent(rows, in2, 1), device.processors)
        needs.append(rows_at_a_time(device, kind, rows, in1, in2) * in1 if in2 > tile.columns else 0)
    if not problem.selected:
        parts = cut_of_weight(device, kind, rows, outs, in1, in2)[1] if "weight" in wrt else 1
        sums = cut_of_bias(device, rows, outs) if "bias" in wrt else 1
        needs += [parts * outs * in1 * in2 if parts > 1 else 0, sums * outs if sums > 1 else 0]
    return max(needs)


def _is_too_large(problem: Problem) -> bool:
    rows, in1, in2, outs = problem.shared, problem.in1, problem.in2, problem.out_features
    blocks = rows * outs // 32, problem.weights * outs * (in1 * in2 // 1024 + in1 + in2)
    return max(*blocks, rows, in1, in2, outs) > _LIMIT
