"""Compile every kernel for several compute capabilities, without a device, and say what came of it.

    cd benchmarks && python -m card.cubins [--capability 8.0 9.0 12.0] [--save]

``--save`` keeps them in the cache (``NBBILINEAR_CACHE_DIR``), so that on a card nothing has to be compiled. Needs the
compilers of the ``cuda13`` extra. Fails where a kernel spills, has local memory, computes in another precision, or
loads 16 bytes fewer at a time than it should.
"""

import argparse
import re
import sys
from time import perf_counter
from typing import NamedTuple

from nbbilinear.backends.cuda import cache
from nbbilinear.backends.cuda.choice import SUMS, TILES
from nbbilinear.backends.cuda.compiling import compiled
from nbbilinear.backends.cuda.tiles import KINDS, Kernel

LAUNCHED = {"side": ("first", "second"), "few": ("few", "few.inputs")}  # kernels that share tiles
CAPABILITIES = ("8.0", "9.0", "12.0")


class Facts(NamedTuple):
    """What the compilers say of a kernel."""

    registers: int
    shared: int
    stack: int
    spilled: int
    local: int
    global_vectors: int
    shared_vectors: int
    size: int
    products: int


def variants():
    """Every kernel that a call may launch."""
    for (name, kind), tiles in TILES.items():
        for tile in tiles:
            for vector in (True, False):
                for one in LAUNCHED.get(name, (name,)):
                    yield from _named(one, tile, kind, vector)
    for kind, one in KINDS.items():
        if kind in one[:2]:  # what adds up is the same for all products
            yield Kernel("slices", SUMS, kind, False, False)
            yield from _named("bias", SUMS, kind, False)
    for kind in ("f4", "f8"):
        yield from (Kernel(name, SUMS, kind, False, False) for name in ("elements", "elements.backward"))


def _named(name, tile, kind, vector):
    """Plain and indexed; of half floats those that leave parts too, which of indexed rows only dx1 is."""
    segments = (False, True) if name in ("forward", "inputs", "weights", "bias") else (False,)
    yield from (Kernel(name, tile, kind, vector, segmented) for segmented in segments)
    if KINDS[kind].halves and name in ("inputs", "weights", "bias"):
        yield Kernel(f"{name}.parts", tile, kind, vector, False)
        if name == "inputs":
            yield Kernel(f"{name}.parts", tile, kind, vector, True)


def facts(kernel, capability):
    """Compile and read the logs."""
    found = compiled(kernel, capability)
    used = re.search(r"used (\d+) registers.*?(\d+) stack, (\d+) bytes smem.*?(\d+) bytes lmem", found.log)
    registers, stack, shared, local = map(int, used.groups())
    spilled = sum(map(int, re.findall(r"(\d+) bytes spill", found.log)))
    vectors = [len(re.findall(rf"ld\.{space}\.v[24]", found.ptx)) for space in ("global", "shared")]
    return Facts(
        registers,
        shared,
        stack,
        spilled,
        local + found.ptx.count(".local"),
        *vectors,
        len(found.code),
        found.ptx.count("mma.sync"),
    ), found


def faults(kernel, seen, ptx):
    """What is not as it should be."""
    tiled, tensor = kernel.name.partition(".")[0] not in ("slices", "bias", "elements", "few"), kernel.tensor
    expected = {
        "stack": seen.stack == 0,
        "spills": seen.spilled == 0,
        "local memory": seen.local == 0,
        "shared memory beyond 48 KB": seen.shared <= 48 << 10,
        "registers beyond 255": seen.registers <= 255,
        "no vector loads from shared memory": seen.shared_vectors > 0 or tensor or not tiled,
        "no tensor cores": "mma.sync" in ptx or not (tensor and tiled),
        "tensor cores that nobody asked for": "mma.sync" not in ptx or tensor,
        "no vector loads from global memory": seen.global_vectors > 0 or not (tiled and kernel.vector),
        "vector loads from addresses that may not be aligned": seen.global_vectors == 0 or kernel.vector,
        "double precision in a kernel of float32": kernel.kind == "f8" or ".f64" not in ptx,
        "no fused multiply-adds": "fma.rn" in ptx or tensor or not tiled,
        "atomics": not re.search(r"\b(atom|red)\.", ptx),
    }
    return [fault for fault, right in expected.items() if not right]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--capability", nargs="+", default=CAPABILITIES, help="as 9.0")
    parser.add_argument("--save", action="store_true", help="keep them where a first call looks")
    chosen = parser.parse_args()
    begin, wrong, found = perf_counter(), 0, {}
    for kernel in variants():
        for capability in (tuple(map(int, text.split("."))) for text in chosen.capability):
            seen, binary = facts(kernel, capability)
            found[kernel, capability] = seen
            if chosen.save:
                cache.write(cache.file_of(kernel, capability), binary.code, binary.entry)
            for fault in faults(kernel, seen, binary.ptx):
                wrong += 1
                print(f"WRONG: {kernel} for {capability}: {fault}", flush=True)
    table(found, chosen.capability)
    size = sum(seen.size for seen in found.values()) / 1e6
    print(f"\n{len(found)} binaries in {perf_counter() - begin:.0f} s, {size:.1f} MB, {wrong} faults")
    if chosen.save:
        print(f"in {cache.folder()}")
    return int(wrong > 0)


def table(found, capabilities):
    """Registers from the least to the most over vectors and index, tile by tile; likewise the rest."""
    columns = "kernel", "kind", "tile", *(f"cc {text}" for text in capabilities), "shared", "ld.v global/shared", "mma"
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    groups = {}
    for (kernel, capability), seen in found.items():
        groups.setdefault((kernel.name, kernel.kind, kernel.tile), []).append((kernel, capability, seen))
    for (name, kind, tile), members in groups.items():
        registers = (
            span(seen.registers for _, capability, seen in members if capability == tuple(map(int, text.split("."))))
            for text in capabilities
        )
        loads = [f"{seen.global_vectors}/{seen.shared_vectors}" for kernel, _, seen in members if kernel.vector]
        cells = (
            name, kind, "x".join(map(str, tile[:3])) + f", {tile.high}x{tile.wide}", *registers,
            span(seen.shared for *_, seen in members), ", ".join(sorted(set(loads))) or "-",
            span(seen.products for *_, seen in members),
        )  # fmt: skip
        print(f"| {' | '.join(cells)} |", flush=True)


def span(numbers):
    """From the least to the most."""
    least, *_, most = sorted([*(numbers := list(numbers)), *numbers])
    return str(least) if least == most else f"{least}-{most}"


if __name__ == "__main__":
    sys.exit(main())
