"""Rows of problems that are small in some size: a launch for everything, few rows, few outputs. Rows of one weight.

Each is a way to compute some of what `rows.py` does, and `work` says what it takes; the plan compares them.
"""

from typing import Any

from ...problem import Problem
from ..contract import Work
from . import estimates
from .choice import SUMS, Extent, parts_of_few, tile_of
from .rows import add_slices, steps
from .tiles import KINDS, Kernel, Tile

Array = Any
Device = Any
_FEW = 16  # rows for which the weight is read again and again rather than in tiles
_BUSY = 512  # threads that a processor wants for it to hide how long a load takes
_SERIAL = 8  # of the sums of one thread, which wait for each other, where tiles have as many at a time


def elements(
    device: Device, x1: Array, x2: Array, weight: Array, bias: Array | None, _which: None, out: Array, _: None
) -> None:
    """out[b,k], a thread for each, in one launch."""
    (rows, in1), (outs, _, in2) = x1.shape, weight.shape[1:]
    kernel = Kernel("elements", SUMS, device.kind(x1.dtype), False, False)
    device.launch(
        kernel, -(-rows * outs // SUMS.threads), x1, weight, x2, weight if bias is None else bias, out,
        rows, in1, in2, outs, int(bias is not None), *steps(out),
    )  # fmt: skip


def elements_backward(
    device: Device, grad_output: Array, x1: Array, x2: Array, weight: Array, _which: None,
    dx1: Array | None, dx2: Array | None, dweight: Array | None, dbias: Array | None, _: None, accumulate: bool,
) -> None:  # fmt: skip
    """All gradients, a thread for each element, in one launch."""
    (rows, in1), (outs, _, in2) = x1.shape, weight.shape[1:]
    gradients, ends = (dx1, dx2, dweight, dbias), [0]
    for gradient in gradients:
        ends.append(ends[-1] + (0 if gradient is None else gradient.size))
    kernel = Kernel("elements.backward", SUMS, device.kind(x1.dtype), False, False)
    device.launch(
        kernel, -(-ends[-1] // SUMS.threads), grad_output, x1, x2, weight,
        *(x1 if gradient is None else gradient for gradient in gradients),
        rows, in1, in2, outs, *ends[1:], int(accumulate), *steps(grad_output),
    )  # fmt: skip


def elements_work(device: Device, problem: Problem) -> Work | None:
    """The longest sums are waited for, however few they are."""
    rows, in1, in2, outs, wrt = problem.shared, problem.in1, problem.in2, problem.out_features, problem.wrt
    sizes = {"x1": (rows * in1, outs * in2), "x2": (rows * in2, outs * in1), "weight": (outs * in1 * in2, rows)}
    faces = [sizes[name] for name in wrt if name in sizes] if wrt else [(rows * outs, in1 * in2)]
    if device.kind(problem.dtype) is None or problem.selected or sum(size for size, _ in faces) >= 1 << 24:
        return None
    terms = sum(size * terms for size, terms in faces)
    longest = max((terms for _, terms in faces), default=rows)
    return Work(2 * _SERIAL * max(terms, longest * _BUSY * device.processors), 0, 1)


def nothing(_device: Device, _problem: Problem) -> int:
    """Elements of a workspace that is not needed."""
    return 0


def few(
    device: Device, x1: Array, x2: Array, weight: Array, bias: Array | None, _which: None, out: Array,
    workspace: Array | None,
) -> None:  # fmt: skip
    """out[b,k], a block for every output and part of i; as many rows in a launch as registers hold."""
    (in1, in2), outs, kind = weight.shape[2:], weight.shape[1], device.kind(x1.dtype)
    parts = parts_of_few(device, in1, outs)
    kernel = _few(device, "few", kind, len(x1), in2, weight)
    for start in range(0, len(x1), kernel.tile.high):
        some = slice(start, start + kernel.tile.high)
        rows, y = len(x1[some]), out[some]
        target, across = (y, (0, *steps(y))) if parts == 1 else (workspace, (rows * outs, outs, 1))
        device.launch(
            kernel, outs * parts, x1[some], weight, x2[some], weight if bias is None else bias, target,
            rows, in1, in2, outs, parts, int(bias is not None), *across,
        )  # fmt: skip
        if parts > 1:
            add_slices(device, kind, target, y, parts, False)


def few_inputs(
    device: Device, g: Array, x1: Array, x2: Array, weight: Array, _segments: None, dx1: Array | None,
    dx2: Array | None, workspace: Array, accumulate: bool,
) -> None:  # fmt: skip
    """dx1 whole and dx2 in parts, a block for every part of i."""
    (in1, in2), outs, kind = weight.shape[2:], weight.shape[1], device.kind(x1.dtype)
    parts = parts_of_few(device, in1, 1)
    kernel = _few(device, "few.inputs", kind, len(x1), in2, weight)
    for start in range(0, len(x1), kernel.tile.high):
        some = slice(start, start + kernel.tile.high)
        rows, first = len(x1[some]), x1[some] if dx1 is None else dx1[some]
        device.launch(
            kernel, parts, g[some], weight, x1[some], x2[some], first, workspace,
            rows, in1, in2, outs, parts, int(dx1 is not None), int(accumulate), *steps(g),
        )  # fmt: skip
        if dx2 is not None:
            add_slices(device, kind, workspace, dx2[some], parts, accumulate)


def _few(device: Device, name: str, kind: str, rows: int, in2: int, weight: Array) -> Kernel:
    return Kernel(name, _tile_of_few(device, kind, rows), kind, device.aligned(in2, weight), False)


def _tile_of_few(device: Device, kind: str, rows: int) -> Tile:
    """The smallest that has all rows, or the largest."""
    tiles: tuple[Tile, ...] = device.tiles["few", kind]
    return next((tile for tile in tiles if tile.high >= rows), tiles[-1])


def few_work(device: Device, problem: Problem) -> Work | None:
    """Little but reading the weight; the gradients of weight and bias as others make them."""
    kind, rows = device.kind(problem.dtype), problem.shared
    if kind is None or problem.selected or rows > _FEW:
        return None
    in1, in2, outs, wrt = problem.in1, problem.in2, problem.out_features, problem.wrt
    if wrt and not {"x1", "x2"} & set(wrt):
        return None
    tile = _tile_of_few(device, kind, rows)
    blocks = parts_of_few(device, in1, 1 if wrt else outs) * (1 if wrt else outs)
    padded = -(-in2 // tile.columns) * tile.columns
    times = -(-rows // tile.high)
    flop = int(2 * times * tile.high * outs * in1 * padded * max(1.0, device.processors / blocks))
    read = times * outs * in1 * in2 * int(KINDS[kind].stored[1])
    return _with_rest(device, problem, Work(flop, read, 2 * times))


def few_workspace(device: Device, problem: Problem) -> int:
    """Elements of what the parts of i leave."""
    rows, in1, in2, outs = problem.shared, problem.in1, problem.in2, problem.out_features
    if problem.wrt:
        return max(parts_of_few(device, in1, 1) * rows * in2, rest_workspace(device, problem))
    parts = parts_of_few(device, in1, outs)
    return parts * rows * outs if parts > 1 else 0


def sides(
    device: Device, g: Array, x1: Array, x2: Array, weight: Array, _segments: None,
    dx1: Array | None, dx2: Array | None, _workspace: Array | None, accumulate: bool,
) -> None:  # fmt: skip
    """dx1 and dx2 by a product each."""
    (rows, _), (outs, in1, in2), kind = x1.shape, weight.shape[1:], device.kind(x1.dtype)
    for name, x, dx, inner, size in (("first", x2, dx1, in2, in1), ("second", x1, dx2, in1, in2)):
        if dx is not None:
            tile = tile_of(device.tiles, "side", kind, Extent(rows, size, 1, whole=False), device.processors)
            vector = device.aligned(inner, x) and device.aligned(in2, weight)
            tiles, across = (-(-n // length) for n, length in ((rows, tile.rows), (size, tile.columns)))
            device.launch(
                Kernel(name, tile, kind, vector, False), tiles * across, g, weight, x, dx,
                rows, inner, size, outs, across, int(accumulate), in2, *steps(g),
            )  # fmt: skip


def sides_work(device: Device, problem: Problem) -> Work | None:
    """Two products, and the gradients of weight and bias as others make them."""
    kind, wrt = device.kind(problem.dtype), set(problem.wrt) & {"x1", "x2"}
    rows, in1, in2, outs = problem.shared, problem.in1, problem.in2, problem.out_features
    if kind is None or not wrt or problem.selected or (rows + 32) * (in1 + in2 + 64) // 1024 + rows > 2**31 - 1:
        return None
    flop = 0.0
    for name, inner, size in (("x1", in2, in1), ("x2", in1, in2)):
        if name in wrt:
            extent = Extent(rows, size, 1, whole=False)
            tile = tile_of(device.tiles, "side", kind, extent, device.processors)
            terms = outs * -(-inner // tile.depth) * tile.depth
            flop += 2 * terms * extent.sums(tile, device.processors) * (1 + KINDS[kind].halves)
    elements = rows * (in1 + in2 + outs) + problem.weights * outs * in1 * in2
    work = Work(int(flop), len(wrt) * elements * int(KINDS[kind].stored[1]), len(wrt))
    return _with_rest(device, problem, work)


def rest_workspace(device: Device, problem: Problem) -> int:
    """Elements that the gradients of weight and bias need."""
    return estimates.workspace(device, problem._replace(wrt=_rest(problem))) if _rest(problem) else 0


def _with_rest(device: Device, problem: Problem, work: Work) -> Work | None:
    """The work of gradients of weight and bias added."""
    rest = estimates.work(device, problem._replace(wrt=_rest(problem))) if _rest(problem) else Work(0, 0, 0)
    return None if rest is None else Work(*(a + b for a, b in zip(work, rest, strict=True)))


def _rest(problem: Problem) -> tuple[str, ...]:
    return tuple(name for name in problem.wrt if name in ("weight", "bias"))
