"""Plain loops, compiled for any machine: the readable twin of every faster kernel, and what runs where those cannot."""

from ...contract import KernelSet, Speed, nothing
from . import pairs, rows

# `benchmarks/benchmarks/orders.py`, one thread: 4 to 12 GFLOP/s, bound by the vectoriser; a call costs its dispatch.
_SPEED = Speed({"f4": 1.2e10, "f8": 6e9, "": 2e9}, bytes_per_second=1.2e10, seconds_per_call=1e-6)

KERNELS = (
    KernelSet("numba/portable", "rows", rows.forward, rows.backward, rows.work, nothing, _SPEED, batch_invariant=True),
    KernelSet(
        "numba/portable", "pairs", pairs.forward, pairs.backward, pairs.work, pairs.workspace, _SPEED,
        batch_invariant=True,
    ),
)  # fmt: skip
