"""The product by matrix multiplications of any array library, in blocks of bounded size.

Three orders: ``project`` maps x2 through the whole weight and contracts with x1, ``left`` maps x1 through one output's
matrix after the other, ``outer`` multiplies the operands first. The plan takes the cheapest.
"""

from collections.abc import Callable
from functools import partial

from ..contract import KernelSet, Speed
from ..costs import pairs_workspace
from . import left, outer, pairs, project

Bind = Callable[[Callable[..., None]], Callable[..., None]]


def kernels(backend: str, bind: Bind, speed: Speed, budget: int | None = None) -> tuple[KernelSet, ...]:
    """The kernel sets of ``backend``; ``bind`` gives a function its array module, ``budget`` bounds an intermediate."""
    table = (
        ("project", "rows", project, project.work, project.workspace),
        ("left", "rows", left, left.work, left.workspace),
        ("outer", "rows", outer, partial(outer.work, budget=budget), outer.workspace),
        ("project", "pairs", pairs, pairs.work, pairs_workspace),
    )
    return tuple(
        KernelSet(
            f"{backend}/gemm.{name}", structure, bind(module.forward), bind(module.backward), work,
            partial(workspace, budget=budget), speed, exchange=module is not outer, batch_invariant=False,
        )
        for name, structure, module, work, workspace in table
    )  # fmt: skip
