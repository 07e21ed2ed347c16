"""All that is particular to a device, in one place: twice, for Numba's compiler and for its simulator."""

from numba import config, cuda

SIMULATED = config.ENABLE_CUDASIM  # type: ignore[attr-defined]  # set when Numba is imported
if SIMULATED:
    from .simulated import copy16, fma, load, mma, prepare_simulator, read4, read16, store, tf32

    prepare_simulator()
else:
    from .words import copy16, fma, load, mma, read4, read16, store, tf32

__all__ = ["copy16", "device", "fma", "load", "mma", "read4", "read16", "store", "tf32"]


def device(function):
    """A function that kernels call; it becomes part of them. The simulator runs it as it is."""
    return function if SIMULATED else cuda.jit(function, device=True, inline="always")
