"""Where compiled loops pay over a NumPy composition: large arrays on the processor."""

from importlib import import_module
from typing import Any

import numpy as np

from .backends import resolve
from .config import current

Array = Any
# A composition then takes 0.06 ms (Adam) to 0.4 ms (cross-entropy); for less, compiling (half a second) hardly pays.
SMALLEST = 32_768
UNNAMED = (None, "auto")  # settings that leave the choice to the package


def loops_for(first: Array, *others: Array) -> Any:
    """Return the module of compiled loops if they take these arrays and pay, else None: compose NumPy's functions.

    They take plain C-contiguous writable arrays of one dtype, of NumPy, with at least ``SMALLEST`` elements in the
    first. ``config(backend="numpy")`` declines them. Numba is imported by the first call that gets them.

    Examples
    --------
    >>> loops_for(np.zeros(10)) is None
    True
    """
    if not _may_run(current().backend) or first.size < SMALLEST:
        return None
    dtype = first.dtype
    if all(type(a) is np.ndarray and a.flags.carray and a.dtype == dtype and dtype.isnative for a in (first, *others)):
        return import_module("nbbilinear.backends.numba.fused")
    return None


def core_loops(name: str, backend: str | None, work: int, *arrays: Array) -> Any:
    """Return the module of compiled loops of a core (a file of the numba backend), or None as :func:`loops_for` does.

    ``backend`` decides where it names one; otherwise ``work`` does, the number of products.

    Examples
    --------
    >>> core_loops("diagonal", "numpy", 100_000, np.zeros(100_000)) is None
    True
    """
    if not _may_run(backend) or (backend in UNNAMED and work < SMALLEST):
        return None
    dtype = arrays[0].dtype
    if dtype.kind == "f" and all(a.flags.carray and a.dtype == dtype and dtype.isnative for a in arrays):
        return import_module(f"nbbilinear.backends.numba.{name}")
    return None


def _may_run(backend: str | None) -> bool:
    """Whether loops of the numba backend are what was asked for, or may be chosen."""
    return resolve(backend).place in (None, "numba")
