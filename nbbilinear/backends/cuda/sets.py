"""The kernel sets for a device: the same drivers for every way to multiply, and what each is expected to take."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from ..contract import KernelSet, Speed
from . import estimates, rows

Bound = Callable[[Callable[..., Any], Any], Callable[..., Any]]
TENSOR_CORES = 80  # the compute capability from which on they take numbers of 11 bits with the range of float32
# Estimates from data sheets, not measured: fused multiply-adds at 60 % of a device of 2022, tensor cores at 40 %.
_BYTES, _LAUNCH = 3e12, 5e-6
_PLAIN = Speed({"f4": 4e13, "f8": 2e13, "": 1e12}, _BYTES, _LAUNCH)
_TENSOR = {kind: Speed({"": rate}, _BYTES, _LAUNCH) for kind, rate in (("tf32", 1.6e14), ("tf32x3", 5.5e13))}
_HALVES = (("float16", "f2"), ("bfloat16", "b2"))


def kernel_sets(place: str, device: Any, bound: Bound) -> tuple[KernelSet, ...]:
    """Kernel sets of backend ``place``; ``bound(function, device)`` makes a driver a kernel."""
    plain = _fused(f"{place}/fused", device, bound, _PLAIN)
    if device.capability < TENSOR_CORES:
        return (plain,)
    halves = tuple(
        (name, _fused(f"{place}/fused.{name}", _only(device, kind, name), bound, _TENSOR["tf32"]))
        for name, kind in _HALVES
    )
    asked = (
        _fused(f"{place}/fused.{kind}", _only(device, kind), bound, speed)._replace(precisions=(kind,))
        for kind, speed in _TENSOR.items()
    )
    return tuple(kernel._replace(stored=halves) for kernel in (plain, *asked))


def _fused(name: str, device: Any, bound: Bound, speed: Speed) -> KernelSet:
    return KernelSet(
        name, "rows", bound(rows.forward, device), bound(rows.backward, device),
        partial(estimates.work, device), partial(estimates.workspace, device), speed,
        exchange=False, batch_invariant=False,
    )  # fmt: skip


def _only(device: Any, kind: str, *stored: str) -> Any:
    """The device for this kind of product alone, of problems in float32 and of operands so stored."""
    return replace(device, kinds=tuple((name, kind) for name in ("float32", *stored)))
