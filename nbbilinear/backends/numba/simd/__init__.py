"""Micro-kernels of vector instructions, written in LLVM's language, and the loops of Numba that call them."""

from ...contract import KernelSet, Speed
from . import left
from .machine import host

# A third of the sums' peak is lost at small sizes, which `work` counts as bytes and calls.
_SPEED = Speed({"f4": 1.5e11, "f8": 7.5e10, "": 1.0}, bytes_per_second=3e10, seconds_per_call=3e-6)

KERNELS = () if host() is None else (
    KernelSet(
        "numba/simd.left", "rows", left.forward, left.backward, left.work, left.workspace, _SPEED,
        exchange=False, batch_invariant=False,
    ),
)  # fmt: skip
