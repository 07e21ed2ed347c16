"""Operands stored in another dtype than is computed in, as half floats are: converted block by block around a kernel.

A few MB at a time become float32, a kernel computes with them, and what it sums is rounded once, when a block of it is
complete. Converting inside the kernels was rejected: every one of them would be compiled once more for each dtype, and
a block that has just been converted lies in the second-level cache.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from ...problem import Problem
from ..contract import KernelSet
from . import pairs, rows

Array = Any
_STRUCTURES = {"rows": rows, "pairs": pairs}


def widened(kernel: KernelSet, problem: Problem, convert: Callable[[Array, Array], None]) -> KernelSet:
    """``kernel`` for operands of any float dtypes; it is given blocks of ``problem`` in ``problem.dtype``.

    ``convert(target, source)`` writes one array into another of the same shape and another dtype.
    """
    around = _STRUCTURES[kernel.structure]
    return kernel._replace(
        forward=partial(around.forward, kernel, problem, convert),
        backward=partial(around.backward, kernel, problem, convert),
        workspace=partial(around.workspace, kernel),
    )
