"""Micro-kernels of vector instructions, written in LLVM's language, and the loops of Numba that call them."""

from ...contract import Keep, KernelSet, Speed
from . import columns, left, outer, pairs
from .machine import host, lacks

# A third of the sums' peak is lost at small sizes, which `work` counts as bytes and calls.
_SPEED = Speed({"f4": 1.6e11, "f8": 8e10, "": 1.0}, bytes_per_second=3e10, seconds_per_call=1.5e-6)
# Large products that go through memory, which `work` does not count.
_PAIRS_SPEED = _SPEED._replace(flop_per_second={"f4": 1.3e11, "f8": 6.5e10, "": 1.0})
_ROWS = {"left": left, "columns": columns, "outer": outer}
_KEEPING = {"columns": Keep(columns.keeping, columns.elements)}

KERNELS = () if host() is None else (
    *(
        KernelSet(
            f"numba/simd.{name}", "rows", module.forward, module.backward, module.work, module.workspace, _SPEED,
            exchange=False, batch_invariant=False, keep=_KEEPING.get(name), lacks=lacks,
        )
        for name, module in _ROWS.items()
    ),
    KernelSet(
        "numba/simd.pairs", "pairs", pairs.forward, pairs.backward, pairs.work, pairs.workspace, _PAIRS_SPEED,
        exchange=True, batch_invariant=False, lacks=lacks,
    ),
)  # fmt: skip
