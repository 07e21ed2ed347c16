"""The product by matrix multiplications of any array library, in blocks of bounded size.

Two orders: ``project`` maps x2 through the weight and contracts with x1, ``outer`` multiplies the operands first.
The plan takes the one whose intermediate costs less.
"""

from collections.abc import Callable

from ..contract import KernelSet, Speed
from ..costs import pairs_workspace
from . import outer, pairs, project

Bind = Callable[[Callable[..., None]], Callable[..., None]]


def kernels(backend: str, bind: Bind, speed: Speed) -> tuple[KernelSet, ...]:
    """The kernel sets of ``backend``; ``bind`` gives a function its array module."""
    table = (
        ("project", "rows", project, project.workspace),
        ("outer", "rows", outer, outer.workspace),
        ("project", "pairs", pairs, pairs_workspace),
    )
    return tuple(
        KernelSet(
            f"{backend}/gemm.{name}", structure, bind(module.forward), bind(module.backward), module.work, workspace,
            speed, batch_invariant=False,
        )
        for name, structure, module, workspace in table
    )  # fmt: skip
