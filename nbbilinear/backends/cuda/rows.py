"""Rows on a device: one kernel forward, and backward one for both inputs and one for the weight.

Three GEMM-equivalents in all, no intermediate in memory, nothing kept between the passes. ``device`` launches a kernel
on so many blocks, and tells what the choices depend on: see :class:`.launch.Cuda`.
"""

from typing import Any

import numpy as np

from ...problem import Problem
from ..contract import Work
from .choice import SUMS, Extent, slices, tile_of
from .segments import Segments, segments_of
from .tiles import Kernel, Tile

Array = Any
Device = Any
_LIMIT = 2**31 - 1  # sizes and block numbers are 32-bit integers; places in arrays are not


def forward(
    device: Device, x1: Array, x2: Array, weight: Array, bias: Array | None, which: Array | None, out: Array, _: None
) -> None:
    """out[b,k] = sum_j (sum_i x1[b,i] W[k,i,j]) x2[b,j] + bias[k], in one launch."""
    (rows, in1), (weights, outs, _, in2) = x1.shape, weight.shape
    real = _real(x1.dtype)
    tile = tile_of(device.tiles, "forward", real, Extent(rows, in2, outs), device.processors)
    vector = device.aligned(in1, x1) and device.aligned(in2, weight)
    kernel = Kernel("forward", tile, real, vector, which is not None)
    segments = None if which is None else segments_of(device.xp, which, weights)
    order, table, tiles = _tables(x1, segments, rows, tile)
    device.launch(
        kernel, tiles * outs, x1, weight, x2, weight if bias is None else bias, out, order, table,
        rows, in1, in2, outs, tiles, int(bias is not None), *_steps(out),
    )  # fmt: skip


def backward(
    device: Device, grad_output: Array, x1: Array, x2: Array, weight: Array, which: Array | None,
    dx1: Array | None, dx2: Array | None, dweight: Array | None, dbias: Array | None, workspace: Array | None,
    accumulate: bool,
) -> None:  # fmt: skip
    """dx1 = u x2 and dx2 = x1 u with u = g W in one launch; dW = sum_b g x1 x2 and dbias = sum_b g in slices."""
    segments = None if which is None else segments_of(device.xp, which, len(weight))
    if dx1 is not None or dx2 is not None:
        _inputs(device, grad_output, x1, x2, weight, segments, dx1, dx2, accumulate)
    if dweight is not None:
        _weight(device, grad_output, x1, x2, segments, dweight, workspace, accumulate)
    if dbias is not None:
        _bias(device, grad_output, segments, dbias, workspace, accumulate)


def _inputs(
    device: Device, g: Array, x1: Array, x2: Array, weight: Array, segments: Segments | None,
    dx1: Array | None, dx2: Array | None, accumulate: bool,
) -> None:  # fmt: skip
    (rows, in1), (outs, _, in2) = x1.shape, weight.shape[1:]
    real = _real(x1.dtype)
    tile = tile_of(device.tiles, "inputs", real, Extent(rows, in2, 1), device.processors)
    kernel = Kernel("inputs", tile, real, device.aligned(in2, weight), segments is not None)
    order, table, tiles = _tables(g, segments, rows, tile)
    device.launch(
        kernel, tiles, g, weight, x1, x2, x1 if dx1 is None else dx1, x2 if dx2 is None else dx2, order, table,
        rows, in1, in2, outs, tiles, int(dx1 is not None), int(dx2 is not None), int(accumulate), *_steps(g),
    )  # fmt: skip


def _weight(
    device: Device, g: Array, x1: Array, x2: Array, segments: Segments | None, dweight: Array,
    workspace: Array | None, accumulate: bool,
) -> None:  # fmt: skip
    (rows, in1), (weights, outs, _, in2) = x1.shape, dweight.shape
    real = _real(x1.dtype)
    tile, parts = _cut_of_weight(device, real, rows, outs, in1, in2)
    vector = device.aligned(in1, x1) and device.aligned(in2, x2)
    kernel = Kernel("weights", tile, real, vector, segments is not None)
    blocks = Extent(in1, in2, outs, whole=False).blocks(tile)
    whole = segments is not None or parts == 1
    target = dweight if whole else workspace
    order, starts = (g, g) if segments is None else segments[1:3]
    device.launch(
        kernel, (parts if segments is None else weights) * blocks, g, x1, x2, target, order, starts,
        rows, in1, in2, outs, 1 if segments is not None else parts, int(whole and accumulate), *_steps(g),
    )  # fmt: skip
    if not whole:
        _add_slices(device, real, target, dweight, parts, accumulate)


def _bias(
    device: Device, g: Array, segments: Segments | None, dbias: Array, workspace: Array | None, accumulate: bool
) -> None:
    (rows, outs), real = g.shape, _real(g.dtype)
    parts, tiles = _cut_of_bias(device, rows, outs), -(-outs // SUMS.columns)
    whole = segments is not None or parts == 1
    target = dbias if whole else workspace
    order, starts = (g, g) if segments is None else segments[1:3]
    device.launch(
        Kernel("bias", SUMS, real, False, segments is not None), (parts if segments is None else len(dbias)) * tiles,
        g, target, order, starts, rows, outs, parts, int(whole and accumulate), *_steps(g),
    )  # fmt: skip
    if not whole:
        _add_slices(device, real, target, dbias, parts, accumulate)


def _add_slices(device: Device, real: str, parts: Array, target: Array, count: int, accumulate: bool) -> None:
    kernel = Kernel("slices", SUMS, real, False, False)
    device.launch(kernel, -(-target.size // SUMS.threads), parts, target, count, target.size, int(accumulate))


def work(device: Device, problem: Problem) -> Work | None:
    """What is computed, tiles beyond the edges among it; every operand read once, and one call for every launch."""
    if problem.dtype.kind != "f" or problem.dtype.itemsize not in (4, 8):
        return None
    rows, in1, in2, outs = problem.shared, problem.in1, problem.in2, problem.out_features
    if max(rows * outs // 32, problem.weights * outs * (in1 * in2 // 1024 + in1 + in2), rows, in1, in2, outs) > _LIMIT:
        return None
    real, tiles, wrt = _real(problem.dtype), device.tiles, set(problem.wrt)
    tile, parts = _cut_of_weight(device, real, rows, outs, in1, in2)
    flop, passes = 0.0, 0
    if "weight" in wrt:
        flop, passes = 2 * rows * Extent(in1, in2, outs, whole=False).sums(tile, device.processors / parts), 1
    for name, extent, terms, wanted in (
        ("forward", Extent(rows, in2, outs), in1, not wrt),
        ("inputs", Extent(rows, in2, 1), in1 * outs, bool(wrt & {"x1", "x2"})),
    ):
        if wanted:
            chosen = tile_of(tiles, name, real, extent, device.processors)
            flop, passes = flop + 2 * terms * extent.sums(chosen, device.processors), passes + 1
    moved = passes * (rows * (in1 + in2 + outs) + problem.weights * outs * in1 * in2) * problem.dtype.itemsize
    return Work(int(flop), moved, passes + 2 * ("bias" in wrt) + 20 * problem.selected)


def workspace(device: Device, problem: Problem) -> int:
    """Elements of what the slices of the weight's or the bias's gradient leave; one follows the other."""
    if problem.selected:
        return 0
    real, rows, outs = _real(problem.dtype), problem.shared, problem.out_features
    parts = _cut_of_weight(device, real, rows, outs, problem.in1, problem.in2)[1] if "weight" in problem.wrt else 1
    sums = _cut_of_bias(device, rows, outs) if "bias" in problem.wrt else 1
    needs = (parts * outs * problem.in1 * problem.in2 if parts > 1 else 0, sums * outs if sums > 1 else 0)
    return max(needs)


def _cut_of_weight(device: Device, real: str, rows: int, outs: int, in1: int, in2: int) -> tuple[Tile, int]:
    """The tile of the weight's gradient, and the slices its sum is cut into."""
    extent = Extent(in1, in2, outs, whole=False)
    tile = tile_of(device.tiles, "weights", real, extent, 1)
    return tile, slices(
        rows, extent.blocks(tile), outs * in1 * in2 * int(real[1]), device.processors, device.slice_rows
    )


def _cut_of_bias(device: Device, rows: int, outs: int) -> int:
    return slices(rows, -(-outs // SUMS.columns), outs * 8, device.processors, device.slice_rows)


def _tables(unused: Array, segments: Segments | None, rows: int, tile: Tile) -> tuple[Array, Array, int]:
    """The order of rows, the table of tiles, and how many tiles; where all rows use one weight, nothing is read."""
    if segments is None:
        return unused, unused, -(-rows // tile.rows)
    return segments.order, segments.table(tile.rows), segments.tiles(tile.rows)


def _steps(array: Array) -> tuple[int, int]:
    """From one row to the next, and from one column to the next, in elements."""
    down, across = (stride // array.itemsize for stride in array.strides)
    return down, across


def _real(dtype: np.dtype[Any]) -> str:
    return f"{dtype.kind}{dtype.itemsize}"
