"""Plain loops, compiled for any machine: the readable twin of every faster kernel, and what runs where those cannot."""

from ...contract import KernelSet, Speed
from ...costs import no_workspace, pairs_workspace
from . import pairs, rows

# `benchmarks/benchmarks/orders.py`, one thread: 4 to 34 GFLOP/s, bound by the vectoriser; a call costs its dispatch.
_SPEED = Speed({"f4": 1.9e10, "f8": 7e9, "": 2e9}, bytes_per_second=3e10, seconds_per_call=2e-6)

# Pairs are mapped from either side, whichever is cheaper for the numbers of rows: bits of a row then depend on them.
KERNELS = tuple(
    KernelSet(
        "numba/portable", structure, module.forward, module.backward, work, workspace, _SPEED,
        exchange=True, batch_invariant=structure == "rows",
    )
    for structure, module, work, workspace in (
        ("rows", rows, rows.work, no_workspace),
        ("pairs", pairs, pairs.work, pairs_workspace),
    )
)  # fmt: skip
