"""The table: medians of device events, and the part of what the card itself was measured to do."""

from time import perf_counter

import cupy
import numpy as np

import nbbilinear as nbl

from .right import kernels, operands
from .rivals import RIVALS
from .shapes import DTYPES, SHAPES, bytes_moved, gemm_flop


def seconds(call, rounds=15, most=0.5):
    """The median time of a call: between two events, or by the host for those with a stream of their own."""
    by_host = getattr(call, "by_host", False)
    call()
    cupy.cuda.get_current_stream().synchronize()
    samples, begin = [], perf_counter()
    while len(samples) < rounds and (len(samples) < 3 or perf_counter() - begin < most):
        samples.append(_by_host(call) if by_host else _by_events(call))
    return float(np.median(samples))


def _by_events(call):
    first, last = cupy.cuda.Event(), cupy.cuda.Event()
    first.record()
    call()
    last.record()
    last.synchronize()
    return cupy.cuda.get_elapsed_time(first, last) / 1e3


def _by_host(call):
    begin = perf_counter()
    call()
    return perf_counter() - begin


def limits(dtype):
    """Flop and bytes in a second, of a large cuBLAS product and of a large copy on this card."""
    size = 8192 if dtype == "float32" else 4096
    a, b, c = (cupy.ones((size, size), dtype) for _ in "abc")
    flop = 2 * size**3 / seconds(lambda: cupy.matmul(a, b, out=c))
    source = cupy.ones(1 << 28, "f4")
    target = cupy.empty_like(source)
    return flop, 2 * source.nbytes / seconds(lambda: cupy.copyto(target, source))


def report(budget):
    """Print the card, its limits, and a line for every shape; return 0."""
    name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())["name"].decode()
    print(f"\n{name}, CuPy {cupy.__version__}; microseconds, medians; 'floor' is what the card's measured limits allow")
    begin = perf_counter()
    for dtype in DTYPES:
        flop, moved = limits(dtype)
        print(f"\n{dtype}: cuBLAS {flop / 1e12:.1f} Tflop/s, copy {moved / 1e12:.2f} TB/s")
        for shape in SHAPES:
            if perf_counter() - begin > budget:
                print(f"  {shape}: not measured, {budget:.0f} s are over")
                continue
            _line(shape, dtype, flop, moved)
    return 0


def _line(shape, dtype, flop, moved):
    given = operands(shape, dtype)
    calls, absent = _ours(*given), []
    for name, make in RIVALS.items():
        try:
            calls[name] = make(*given)
        except ImportError:
            absent.append(name)
    for place, label in enumerate(("forward", "forward and backward")):
        gemms = 3 if place else 1
        floor = max(gemms * gemm_flop(shape) / flop, bytes_moved(shape, dtype, bool(place)) / moved)
        cells = [f"floor {floor * 1e6:.1f}"]
        for name, both in calls.items():
            try:
                taken = seconds(both[place])
            except (MemoryError, RuntimeError) as refused:
                cells.append(f"{name} {type(refused).__name__}")
                continue
            cells.append(f"{name} {taken * 1e6:.1f} ({floor / taken:.0%})")
        print(f"  {shape} {label}: {', '.join(cells)}", flush=True)
    if absent:
        print(f"    not installed: {', '.join(absent)}")


def _ours(x1, x2, weight, bias, g):
    """What the plan chooses, and every kernel by name."""

    def pair(backend):
        def forward():
            return nbl.bilinear(x1, x2, weight, bias, backend=backend)

        def both():
            return forward(), nbl.bilinear_backward(g, x1, x2, weight, bias, backend=backend)

        return forward, both

    return {"plan": pair(None), **{name: pair(name) for name in kernels() if "einsum" not in name}}
