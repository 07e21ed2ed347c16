"""Compile every kernel for several compute capabilities, without a device, and say what came of it.

    cd benchmarks && python -m card.cubins [--capability 8.0 9.0 12.0]

Needs the compilers of the ``cuda13`` extra. Fails where a kernel spills registers, has local memory, computes in
another precision, or loads 16 bytes fewer at a time than it should.
"""

import argparse
import re
import sys
from time import perf_counter
from typing import NamedTuple

from nbbilinear.backends.cuda.choice import SUMS, TILES
from nbbilinear.backends.cuda.compiling import compiled
from nbbilinear.backends.cuda.tiles import KINDS, Kernel

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


def variants():
    """Every kernel that a call may launch."""
    for (name, kind), tiles in TILES.items():
        for tile in tiles:
            for vector in (True, False):
                yield from _named(name, tile, kind, vector)
    for kind, one in KINDS.items():
        if kind in one[:2]:  # what adds up is the same for all products
            yield Kernel("slices", SUMS, kind, False, False)
            yield from _named("bias", SUMS, kind, False)


def _named(name, tile, kind, vector):
    """Plain and indexed; of half floats those that leave parts too, which of indexed rows only dx1 is."""
    yield from (Kernel(name, tile, kind, vector, segmented) for segmented in (False, True))
    if KINDS[kind].halves and name != "forward":
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
    return Facts(registers, shared, stack, spilled, local + found.ptx.count(".local"), *vectors, len(found.code)), found


def faults(kernel, seen, ptx):
    """What is not as it should be."""
    tiled, tensor = kernel.name.partition(".")[0] not in ("slices", "bias"), kernel.tensor
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
        "no fused multiply-adds": "fma.rn" in ptx or not tiled,
        "atomics": not re.search(r"\b(atom|red)\.", ptx),
    }
    return [fault for fault, right in expected.items() if not right]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--capability", nargs="+", default=CAPABILITIES)
    begin, wrong, count = perf_counter(), 0, 0
    chosen = [tuple(map(int, text.split("."))) for text in parser.parse_args().capability]
    columns = "kernel", "kind", "tile", "vectors", "indexed", "cc", "registers", "shared", "ld.v global/shared", "bytes"
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    for kernel in variants():
        for capability in chosen:
            seen, found = facts(kernel, capability)
            tile = "x".join(map(str, kernel.tile[:3])) + f", {kernel.tile.high}x{kernel.tile.wide}"
            flags = ["yes" if flag else "no" for flag in (kernel.vector, kernel.segmented)]
            loads = f"{seen.global_vectors}/{seen.shared_vectors}"
            cells = (kernel.name, kernel.kind, tile, *flags, "{}.{}".format(*capability), seen.registers, seen.shared)
            print(f"| {' | '.join(map(str, (*cells, loads, seen.size)))} |", flush=True)
            count += 1
            for fault in faults(kernel, seen, found.ptx):
                wrong += 1
                print(f"WRONG: {fault}", flush=True)
    print(f"\n{count} binaries in {perf_counter() - begin:.0f} s, {wrong} faults")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
