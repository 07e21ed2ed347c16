"""Rows on a device: one kernel forward, and backward one for both inputs and one for the weight.

Three GEMM-equivalents in all, no intermediate in memory, nothing kept between the passes. ``device`` launches a kernel
on so many blocks, and tells what the choices depend on: see :class:`.launch.Cuda`. What half floats are summed to lies
in the workspace until it is complete.
"""

from collections.abc import Callable
from typing import Any

from .choice import SUMS, Extent, cut_of_bias, cut_of_weight, rows_at_a_time, tile_of
from .segments import Segments, segments_of
from .tiles import KINDS, Kernel, Tile

Array = Any
Device = Any


def forward(
    device: Device, x1: Array, x2: Array, weight: Array, bias: Array | None, which: Array | None, out: Array, _: None
) -> None:
    """out[b,k] = sum_j (sum_i x1[b,i] W[k,i,j]) x2[b,j] + bias[k], in one launch."""
    (rows, in1), (weights, outs, _, in2) = x1.shape, weight.shape
    kind = device.kind(x1.dtype)
    tile = tile_of(device.tiles, "forward", kind, Extent(rows, in2, outs), device.processors)
    vector = device.aligned(in1, x1) and device.aligned(in2, weight)
    kernel = Kernel("forward", tile, kind, vector, which is not None)
    segments = None if which is None else segments_of(device.xp, which, weights)
    order, table, tiles = tables(x1, segments, rows, tile)
    device.launch(
        kernel, tiles * outs, x1, weight, x2, weight if bias is None else bias, out, order, table,
        rows, in1, in2, outs, tiles, int(bias is not None), *steps(out),
    )  # fmt: skip


def backward(
    device: Device, grad_output: Array, x1: Array, x2: Array, weight: Array, which: Array | None,
    dx1: Array | None, dx2: Array | None, dweight: Array | None, dbias: Array | None, workspace: Array | None,
    accumulate: bool, inputs: Callable[..., None] | None = None,
) -> None:  # fmt: skip
    """dx1 = u x2 and dx2 = x1 u with u = g W in one launch; dW = sum_b g x1 x2 and dbias = sum_b g in slices.

    ``inputs``: another way to the gradients of both inputs.
    """
    wider = grad_output.dtype != x1.dtype  # than half floats
    g = grad_output.astype(x1.dtype) if wider else grad_output
    segments = None if which is None else segments_of(device.xp, which, len(weight))
    if dx1 is not None or dx2 is not None:
        (inputs or fused_inputs)(device, g, x1, x2, weight, segments, dx1, dx2, workspace, accumulate)
    if dweight is not None:
        _weight(device, g, x1, x2, segments, dweight, workspace, accumulate)
    if dbias is not None:
        _bias(device, g, segments, dbias, workspace, accumulate)


def fused_inputs(
    device: Device, g: Array, x1: Array, x2: Array, weight: Array, segments: Segments | None,
    dx1: Array | None, dx2: Array | None, workspace: Array | None, accumulate: bool,
) -> None:  # fmt: skip
    """dx1 and dx2 in one launch; of half floats maybe some rows at a time."""
    (rows, in1), in2 = x1.shape, x2.shape[1]
    step = rows_at_a_time(device, device.kind(x1.dtype), rows, in1, in2)
    for start in range(0, rows, step):
        g_, x1_, x2_, dx1_, dx2_ = (None if a is None else a[start : start + step] for a in (g, x1, x2, dx1, dx2))
        _inputs(device, g_, x1_, x2_, weight, segments, dx1_, dx2_, workspace, accumulate)


def _inputs(
    device: Device, g: Array, x1: Array, x2: Array, weight: Array, segments: Segments | None,
    dx1: Array | None, dx2: Array | None, workspace: Array | None, accumulate: bool,
) -> None:  # fmt: skip
    (rows, in1), (outs, _, in2), kind = x1.shape, weight.shape[1:], device.kind(x1.dtype)
    tile = tile_of(device.tiles, "inputs", kind, Extent(rows, in2, 1), device.processors)
    whole = dx1 is None or in2 <= tile.columns or not KINDS[kind].halves
    target = dx1 if whole else workspace
    kernel = Kernel(_name("inputs", whole), tile, kind, device.aligned(in2, weight), segments is not None)
    order, table, tiles = tables(g, segments, rows, tile)
    device.launch(
        kernel, tiles, g, weight, x1, x2, x1 if target is None else target, x2 if dx2 is None else dx2, order, table,
        rows, in1, in2, outs, tiles, int(dx1 is not None), int(dx2 is not None), int(whole and accumulate),
        int(accumulate), *steps(g),
    )  # fmt: skip
    if not whole:
        add_slices(device, kind, target, dx1, 1, accumulate)


def _weight(
    device: Device, g: Array, x1: Array, x2: Array, segments: Segments | None, dweight: Array,
    workspace: Array | None, accumulate: bool,
) -> None:  # fmt: skip
    (rows, in1), (weights, outs, _, in2), kind = x1.shape, dweight.shape, device.kind(x1.dtype)
    tile, parts = cut_of_weight(device, kind, rows, outs, in1, in2)
    vector = device.aligned(in1, x1) and device.aligned(in2, x2)
    blocks = Extent(in1, in2, outs, whole=False).blocks(tile)
    whole = segments is not None or parts == 1
    kernel = Kernel(_name("weights", whole or not KINDS[kind].halves), tile, kind, vector, segments is not None)
    target = dweight if whole else workspace
    order, starts = (g, g) if segments is None else segments[1:3]
    device.launch(
        kernel, (parts if segments is None else weights) * blocks, g, x1, x2, target, order, starts,
        rows, in1, in2, outs, 1 if segments is not None else parts, int(whole and accumulate), *steps(g),
    )  # fmt: skip
    if not whole:
        add_slices(device, kind, target, dweight, parts, accumulate)


def _bias(
    device: Device, g: Array, segments: Segments | None, dbias: Array, workspace: Array | None, accumulate: bool
) -> None:
    (rows, outs), kind = g.shape, device.kind(g.dtype)
    parts, tiles = cut_of_bias(device, rows, outs), -(-outs // SUMS.columns)
    whole = segments is not None or parts == 1
    name = _name("bias", whole or not KINDS[kind].halves)
    kernel = Kernel(name, SUMS, KINDS[kind].stored, False, segments is not None)
    target = dbias if whole else workspace
    order, starts = (g, g) if segments is None else segments[1:3]
    device.launch(
        kernel, (parts if segments is None else len(dbias)) * tiles,
        g, target, order, starts, rows, outs, parts, int(whole and accumulate), *steps(g),
    )  # fmt: skip
    if not whole:
        add_slices(device, kind, target, dbias, parts, accumulate)


def add_slices(device: Device, kind: str, parts: Array, target: Array, count: int, accumulate: bool) -> None:
    """Target = the sum of so many parts, or that added to it."""
    kernel = Kernel("slices", SUMS, KINDS[kind].stored, False, False)
    width, *across = (target.shape[1], *steps(target)) if target.ndim == 2 else (target.size, 0, 1)
    blocks = -(-target.size // SUMS.threads)
    device.launch(kernel, blocks, parts, target, count, target.size, width, *across, int(accumulate))


def _name(name: str, whole: bool) -> str:
    """The kernel that writes what is whole as operands are stored, or parts as they are summed."""
    return name if whole else f"{name}.parts"


def tables(unused: Array, segments: Segments | None, rows: int, tile: Tile) -> tuple[Array, Array, int]:
    """The order of rows, the table of tiles, and how many tiles; where all rows use one weight, nothing is read."""
    if segments is None:
        return unused, unused, -(-rows // tile.rows)
    return segments.order, segments.table(tile.rows), segments.tiles(tile.rows)


def steps(array: Array) -> tuple[int, int]:
    """From one row to the next, and from one column to the next, in elements."""
    down, across = (stride // array.itemsize for stride in array.strides)
    return down, across
