"""The table: medians of device events, and the part of what the card itself was measured to do."""

from contextlib import suppress
from time import perf_counter

import cupy
import numpy as np

import nbbilinear as nbl

from .right import kernels, operands
from .rivals import RIVALS
from .shapes import SHAPES, WAYS, bytes_moved, gemm_flop, stored


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


def limits(way):
    """Flop and bytes in a second, of a large cuBLAS product and of a large copy on this card.

    CuPy makes no product in TF32: its limit is half of that of float16, as on data sheets; of three for one a third.
    """
    name = "float16" if way.precision != "float32" else way.dtype
    size = 4096 if name == "float64" else 8192
    a, b, c = (cupy.ones((size, size), stored(name)) for _ in "abc")
    flop = 2 * size**3 / seconds(lambda: cupy.matmul(a, b, out=c))
    source = cupy.ones(1 << 28, "f4")
    target = cupy.empty_like(source)
    part = {"tf32": 2, "tf32x3": 6}.get(way.precision, 1)
    return flop / part, 2 * source.nbytes / seconds(lambda: cupy.copyto(target, source))


def report(until):
    """Print the card, its limits, and a line for every shape until this time of ``perf_counter``; return 0."""
    name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())["name"].decode()
    print(f"\n{name}, CuPy {cupy.__version__}; microseconds, medians; 'floor' is what the card's measured limits allow")
    for way in WAYS:
        flop, moved = limits(way)
        derived = " (from float16's)" if way.precision != "float32" else ""
        print(f"\n{way.label}: {flop / 1e12:.1f} Tflop/s by cuBLAS{derived}, copy {moved / 1e12:.2f} TB/s")
        left = [shape for shape in SHAPES if not (perf_counter() < until and _lines(shape, way, flop, moved))]
        if left:
            print(f"  not measured, the time is over: {', '.join(map(str, left))}")
    return 0


def _lines(shape, way, flop, moved):
    """Forward, and forward with backward; True."""
    given = operands(shape, way.dtype)
    calls, absent = _ours(way, *given), []
    for name, make in RIVALS.items():
        try:
            calls[name] = make(way, *given)
        except (ImportError, NotImplementedError, TypeError, ValueError, RuntimeError, BufferError) as refused:
            absent.append(
                f"{name} ({type(refused).__name__}: {str(refused).splitlines()[0][:60] if str(refused) else ''})"
            )
    for place, label in enumerate(("forward", "forward and backward")):
        gemms = 3 if place else 1
        floor = max(gemms * gemm_flop(shape) / flop, bytes_moved(shape, way.dtype, bool(place)) / moved)
        cells = [f"floor {floor * 1e6:.1f}"]
        for name, both in calls.items():
            try:
                taken = seconds(both[place])
            except (MemoryError, RuntimeError, TypeError, ValueError) as refused:
                cells.append(f"{name} {type(refused).__name__}")
                continue
            cells.append(f"{name} {taken * 1e6:.1f} ({floor / taken:.0%})")
        print(f"  {shape} {label}: {', '.join(cells)}", flush=True)
    if absent:
        print(f"    without {', '.join(absent)}")
    return True


def _ours(way, x1, x2, weight, bias, g):
    """What the plan chooses, and every kernel by name that takes this."""

    def pair(backend):
        def forward():
            with nbl.config(precision=way.precision):
                return nbl.bilinear(x1, x2, weight, bias, backend=backend)

        def both():
            with nbl.config(precision=way.precision):
                y = nbl.bilinear(x1, x2, weight, bias, backend=None if "sides" in (backend or "") else backend)
                return y, nbl.bilinear_backward(g, x1, x2, weight, bias, backend=backend)

        return forward, both

    found = {"plan": pair(None)}
    for name in kernels(way.precision):
        with nbl.config(precision=way.precision), suppress(nbl.BackendError):
            nbl.plan(x1, x2, weight, bias, backward=True, backend=name)
            found |= {} if "einsum" in name else {name: pair(name)}
    return found
