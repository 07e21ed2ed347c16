"""The kernel sets for a device: the same drivers for every way to multiply, and what each is expected to take."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from ..contract import KernelSet, Speed, Work
from . import estimates, rows, small

Bound = Callable[[Callable[..., Any], Any], Callable[..., Any]]
TENSOR_CORES = 80  # the compute capability from which on they take numbers of 11 bits with the range of float32
# Estimates from data sheets, not measured: fused multiply-adds at 60 % of a device of 2022, tensor cores at 40 %.
_BYTES, _LAUNCH = 3e12, 5e-6
_PLAIN = Speed({"f4": 4e13, "f8": 2e13, "": 1e12}, _BYTES, _LAUNCH)
_TENSOR = {kind: Speed({"": rate}, _BYTES, _LAUNCH) for kind, rate in (("tf32", 1.6e14), ("tf32x3", 5.5e13))}
_HALVES = (("float16", "f2"), ("bfloat16", "b2"))


class Family(NamedTuple):
    """Drivers, what they cost and need, and the kinds of products they are for."""

    forward: Callable[..., None]
    backward: Callable[..., None]
    work: Callable[..., Work | None]
    workspace: Callable[..., int]
    tensor: bool


_FAMILIES = {
    "fused": Family(rows.forward, rows.backward, estimates.work, estimates.workspace, tensor=True),
    "sides": Family(
        rows.forward, partial(rows.backward, inputs=small.sides), small.sides_work, small.rest_workspace, tensor=True
    ),
    "few": Family(
        small.few, partial(rows.backward, inputs=small.few_inputs), small.few_work, small.few_workspace, tensor=False
    ),
    "elements": Family(small.elements, small.elements_backward, small.elements_work, small.nothing, tensor=False),
}


def kernel_sets(place: str, device: Any, bound: Bound) -> tuple[KernelSet, ...]:
    """Kernel sets of backend ``place``; ``bound(function, device)`` makes a driver a kernel."""
    found = []
    for name, family in _FAMILIES.items():
        of_family = partial(_set, family, bound)
        plain = of_family(f"{place}/{name}", device, _PLAIN)
        if not family.tensor or device.capability < TENSOR_CORES:
            found.append(plain)
            continue
        halves = tuple(
            (dtype, of_family(f"{place}/{name}.{dtype}", _only(device, kind, dtype), _TENSOR["tf32"]))
            for dtype, kind in _HALVES
        )
        asked = (
            of_family(f"{place}/{name}.{kind}", _only(device, kind), speed)._replace(precisions=(kind,))
            for kind, speed in _TENSOR.items()
        )
        found += [kernel._replace(stored=halves) for kernel in (plain, *asked)]
    return tuple(found)


def _set(family: Family, bound: Bound, name: str, device: Any, speed: Speed) -> KernelSet:
    return KernelSet(
        name, "rows", bound(family.forward, device), bound(family.backward, device),
        partial(family.work, device), partial(family.workspace, device), speed,
        exchange=False, batch_invariant=False,
    )  # fmt: skip


def _only(device: Any, kind: str, *stored: str) -> Any:
    """The device for this kind of product alone, of problems in float32 and of operands so stored."""
    return replace(device, kinds=tuple((name, kind) for name in ("float32", *stored)))
