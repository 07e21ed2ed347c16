"""The chunk-sharing pool beside serial loops and Numba's prange, by the clock: ``python -m benchmarks.threads``.

Alone, beside a process that keeps a processor busy, and beside a Python thread that computes. Each threading layer of
prange has a process of its own, in which the others are measured in turn; a layer that cannot be loaded is left out.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from time import perf_counter

import numba
import numpy as np

import nbbilinear as nbl
from nbbilinear.backends.numba import parallel

from .command import chosen_sizes, parser, table
from .common import SIZES, case
from .neighbours import SCENES, beside

LAYERS = ("omp", "tbb")
WORK = {"empty": (16, 0), "26 µs": (26, 1), "200 µs": (200, 1), "2.4 ms": (2400, 1)}  # items, µs of each
STEPS = 650  # of a chain of multiplications and additions, for about a microsecond
PRODUCTS = {"rows": SIZES["rows"], "pairs": SIZES["pairs"]}


@numba.njit(nogil=True)
def _serial(values, micros, start, stop):
    for n in range(start, stop):
        x = values[n]
        for _ in range(STEPS * micros):
            x = x * 0.999 + 0.5
        values[n] = x


@numba.njit(nogil=True, parallel=True)
def _prange(values, micros):
    for n in numba.prange(len(values)):
        x = values[n]
        for _ in range(STEPS * micros):
            x = x * 0.999 + 0.5
        values[n] = x


def calls(work):
    """The same work by everybody: in the pool as the library shares it, and shared however little there is."""
    items, micros = WORK[work]
    values, flop = np.zeros(items), int(micros * 1e-6 * parallel.PLAIN)
    return {
        "serial": lambda: _serial(values, micros, 0, items),
        "pool": lambda: parallel.run(_serial, (values, micros), items, parallel.chunk_size(items, flop)),
        "pool, shared always": lambda: parallel.run(_serial, (values, micros), items, -(-items // 16)),
        "prange": lambda: _prange(values, micros),
    }


class Launch:
    """A loop over nothing, little and much: what sharing costs, and what it gives."""

    params = (("serial", "pool", "pool, shared always"), tuple(WORK))
    param_names = ("by", "work")

    def setup(self, by, work):
        self.call = calls(work)[by]
        self.call()

    def time_loop(self, *_):
        self.call()


def clocked(some, seconds):
    """Wall-clock seconds of calls made in turn, an array per name. One of each goes before, to compile."""
    samples = {name: [] for name in some}
    for call in some.values():
        call()
    names, end = list(some), perf_counter() + seconds
    while perf_counter() < end or len(samples[names[0]]) < 5:
        for name in names:
            begin = perf_counter()
            some[name]()
            samples[name].append(perf_counter() - begin)
        names.append(names.pop(0))
    return {name: np.array(taken) for name, taken in samples.items()}


def launches(seconds):
    """Rows of a table: median and 99th percentile in µs, by scene and work, on the layer of this process."""
    for scene in SCENES:
        for work in WORK:
            some = calls(work)
            for call in some.values():
                call()
            with beside(scene) as others:
                samples = clocked({name: some[name] for name in some if name != "prange"}, seconds)
                samples |= clocked({"prange": some["prange"]}, seconds)  # not in turn: its threads spin on for a while
                processors = others()
            times = [np.percentile(samples[name] * 1e6, [50, 99]) for name in some]
            yield [scene, f"{processors:.1f}", work, *(f"{median:,.1f} ({tail:,.0f})" for median, tail in times)]


def in_layer(layer, seconds):
    """:func:`launches` in a process whose prange runs on this layer; None where that cannot be loaded."""
    environment = os.environ | {"NUMBA_THREADING_LAYER": layer}
    command = [sys.executable, "-m", "benchmarks.threads", "--as-layer", layer, "--seconds", str(seconds)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    return json.loads(done.stdout) if done.returncode == 0 else None


def load_tbb():
    """Make the library of the package ``tbb`` known: it lies beside Python's, where the loader does not look."""
    for library in sorted(Path(sys.prefix, "lib").glob("libtbb.so.*")):
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)


def two_against_one(products, seconds):
    """Rows of a table: wall-clock time of one thread, and of two over that, on the ``numba`` backend."""
    for product in products:
        prepared = case(product, "numba")
        for direction, call in (("forward", prepared.forward), ("backward", prepared.backward)):
            row = [f"{product.structure} {product.size}", direction]
            for scene in SCENES[:2]:
                with beside(scene) as others:
                    samples = clocked({n: _with_threads(n, call) for n in (1, 2)}, seconds)
                    processors = others()
                one, two = (float(np.median(samples[n])) for n in (1, 2))
                row += [f"{processors:.1f}", f"{one * 1e6:,.0f}", f"{two / one:.2f}"]
            yield row


def _with_threads(number, call):
    def limited():
        with nbl.config(threads=number):
            call()

    return limited


def interrupts(product, times=20):
    """Seconds from Ctrl-C to KeyboardInterrupt, in calls one after the other."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    call, delays, sent = case(product, "numba").forward, [], []
    call()
    for _ in range(times):
        threading.Timer(0.05, _interrupt, (sent,)).start()
        try:
            while True:
                call()
        except KeyboardInterrupt:
            delays.append(perf_counter() - sent[-1])
    return delays


def _interrupt(sent):
    sent.append(perf_counter())
    os.kill(os.getpid(), signal.SIGINT)


def main():
    """Print launch costs per layer and neighbour, two threads against one, and how soon Ctrl-C ends a call."""
    options = parser(__doc__)
    options.add_argument("--as-layer", choices=LAYERS, help="measure one layer only, and print JSON")
    options = options.parse_args()
    if options.as_layer:
        if options.as_layer == "tbb":
            load_tbb()
        json.dump(list(launches(options.seconds)), sys.stdout)
        return
    for layer in LAYERS:
        rows = in_layer(layer, options.seconds)
        title = f"µs, median (99th percentile); prange on {layer}"
        if rows is None:
            table(f"{title}: cannot be loaded here", ["beside"], [])
        else:
            table(title, ["beside", "processors of others", "work", *calls("empty")], rows)
    products = chosen_sizes(options, PRODUCTS)
    head = ["product", "", *("processors of others", "one thread, µs", "two / one") * 2]
    title = f"two threads against one, {options.dtype}: {SCENES[0]}, and beside a {SCENES[1]}"
    table(title, head, list(two_against_one(products, options.seconds)))
    delays = 1e3 * np.array(interrupts(products[-1]))
    table(
        "ms from Ctrl-C to KeyboardInterrupt", ["median", "worst"], [[f"{np.median(delays):.2f}", f"{max(delays):.2f}"]]
    )


if __name__ == "__main__":
    main()
