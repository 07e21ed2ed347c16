"""Numba on the CPU: serial kernels that release the GIL, shared among threads in fixed chunks.

The bits of a result depend on the shapes alone: not on the number of threads, nor on a BLAS.
"""

from ..contract import Backend
from . import portable, simd
from .arrays import empty, prepare, prepare_strided
from .simd.halves import convert

BACKEND = Backend("numba", (*simd.KERNELS, *portable.KERNELS), prepare, prepare_strided, empty, convert)
