"""Widths of vectors: their names, what a kernel needs to know of them, and which ones this processor has."""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple


class Width(NamedTuple):
    """One width. ``needs``: by architecture, the features of a processor that has it, as LLVM names them.

    ``cpu``: by architecture, LLVM's name of a processor without wider vectors, for one that has some.
    """

    vector_bytes: int
    sums: int  # that a tile keeps in registers
    needs: Mapping[str, tuple[str, ...]]
    cpu: Mapping[str, str]


_X86_64_V3 = {"x86": "x86-64-v3"}  # AVX2 and FMA
WIDTHS = {  # widest first
    "avx512": Width(64, 28, {"x86": ("avx512f",)}, {}),  # of 32 registers
    "avx2": Width(32, 12, {"x86": ("avx2", "fma")}, _X86_64_V3),  # of 16
    "neon": Width(16, 24, {"x86": ("avx2", "fma"), "arm": ()}, _X86_64_V3),  # of 32: no operand is in memory there
}
FREE = ("none", "auto")  # no vector kernels, and the widest: every processor takes these


class Processor(NamedTuple):
    """What LLVM says of a processor."""

    architecture: str
    cpu: str
    features: Mapping[str, bool]


@lru_cache(maxsize=1)
def processor() -> Processor:
    """Read this processor. All that is known of it comes from here."""
    from llvmlite import binding  # noqa: PLC0415  loads LLVM: only where its answer is wanted

    family = binding.get_process_triple().partition("-")[0]
    architecture = "arm" if family.startswith(("aarch64", "arm64")) else "x86" if family == "x86_64" else family
    return Processor(architecture, binding.get_host_cpu_name(), dict(binding.get_host_cpu_features()))


def here() -> tuple[str, ...]:
    """The widths of this processor, widest first; empty where it cannot multiply and add vectors in one instruction."""
    architecture, _, features = processor()
    return tuple(
        name
        for name, width in WIDTHS.items()
        if architecture in width.needs and all(features.get(one) for one in width.needs[architecture])
    )


def choices() -> tuple[str, ...]:
    """What may be asked for on this processor."""
    return (*here(), *FREE)


def fault(vectors: object) -> str | None:
    """What is wrong with a setting, and what may be asked for; None where nothing is."""
    if vectors in FREE:
        return None
    if vectors not in WIDTHS:
        return f"vectors must be one of {', '.join((*WIDTHS, *FREE))}, got {vectors!r}"
    if vectors in here():
        return None
    has = f"has {', '.join(here())}" if here() else "has no vectors with fused multiply-add"
    allowed = ", ".join(map(repr, choices()))
    return f"vectors={vectors!r} is not to be had: this processor ({processor().cpu}) {has}; ask for one of {allowed}"
