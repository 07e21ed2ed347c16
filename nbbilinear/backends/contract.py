"""What a backend is: arrays it can prepare, and kernel sets that say what they cost.

A kernel set is two functions in one file that fill given arrays and do nothing else:

``forward(x1, x2, weight, bias, which, out, workspace)``
``backward(grad_output, x1, x2, weight, which, dx1, dx2, dweight, dbias, workspace, accumulate)``

====================  =====================================  ====================================
operand               ``structure == "rows"``                ``structure == "pairs"``
====================  =====================================  ====================================
x1, dx1               (rows, in1)                            (shared, rows1, in1)
x2, dx2               (rows, in2)                            (shared, rows2, in2)
out, grad_output      (rows, out)                            (shared, rows1, rows2, out)
weight, dweight       (weights, out, in1, in2)               the same
bias, dbias           (weights, out) or None                 the same
which                 (rows,) int64 or None                  (shared * rows2,) int64 or None
workspace             flat, of the operands' dtype           the same
====================  =====================================  ====================================

``which`` names the weight of every row of x2; None where there is one weight. Any gradient may be None: it is not
wanted. No size is zero. Gradients are overwritten, or added to where ``accumulate``.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from ..problem import Problem

Array = Any


class Work(NamedTuple):
    """What a kernel does for a problem: multiplications and additions, bytes of intermediates, library calls."""

    flop: int
    bytes: int
    calls: int


class Speed(NamedTuple):
    """How fast a backend does it, from ``benchmarks``; only ratios between kernels matter."""

    flop_per_second: Mapping[str, float]  # by dtype kind and size, as "f4"; others take the key ""
    bytes_per_second: float
    seconds_per_call: float

    def seconds(self, work: Work, dtype: np.dtype[Any]) -> float:
        """Estimated time for ``work``."""
        rate = self.flop_per_second.get(f"{dtype.kind}{dtype.itemsize}", self.flop_per_second[""])
        return work.flop / rate + work.bytes / self.bytes_per_second + work.calls * self.seconds_per_call


class Keep(NamedTuple):
    """What a forward may leave to its backward, so that both together do less: ``elements`` numbers.

    ``work`` is of both, all gradients wanted; None where that cannot be done, or never pays. ``forward`` and
    ``backward`` then take ``kept``, flat, of the operands' dtype, which one fills and the other reads.
    """

    work: Callable[[Problem], Work | None]
    elements: Callable[[Problem], int]


def _nothing() -> str | None:
    return None


class KernelSet(NamedTuple):
    """A forward and its backward for one structure.

    ``work`` returns None where the kernel does not take the problem; ``workspace`` counts elements.
    ``exchange``: x1 and x2 are treated differently, so that it may pay to exchange them. ``batch_invariant``: the bits
    of a row depend on no other row. ``precisions``: those of :func:`nbbilinear.config` in which float32 is computed.
    ``stored``: kernel sets that take operands stored in a half float dtype, by its name, as they are.
    ``lacks`` says what keeps the kernel from every problem, here or under the settings in force; None if nothing does.
    """

    name: str
    structure: str
    forward: Callable[..., None]
    backward: Callable[..., None]
    work: Callable[[Problem], Work | None]
    workspace: Callable[[Problem], int]
    speed: Speed
    exchange: bool
    batch_invariant: bool
    precisions: tuple[str, ...] = ("float32",)
    stored: tuple[tuple[str, "KernelSet"], ...] = ()
    keep: Keep | None = None
    lacks: Callable[[], str | None] = _nothing

    def cost(self, problem: Problem) -> float:
        """Estimated seconds; infinite where the kernel does not take the problem."""
        work = self.work(problem) if problem.structure == self.structure else None
        return float("inf") if work is None else self.speed.seconds(work, problem.dtype)


class Backend(NamedTuple):
    """A place to compute.

    ``prepare`` makes an operand fit for the kernels, without a copy where it can. Since x1 and x2 may be exchanged,
    kernels take y, weight and their gradients in any strides: ``prepare_strided`` is for those. ``convert(target,
    source)`` writes an array into another of the same shape and any float dtype. ``library`` names the module of the
    arrays: a plan, which has this in it, can be sent to another process.
    """

    name: str
    kernels: tuple[KernelSet, ...]
    prepare: Callable[[Array], Array]
    prepare_strided: Callable[[Array], Array]
    empty: Callable[..., Array]
    convert: Callable[[Array, Array], None]
    library: str = "numpy"

    @property
    def xp(self) -> Any:
        """The module of the arrays."""
        return import_module(self.library)
