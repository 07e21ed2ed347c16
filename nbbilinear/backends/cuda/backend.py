"""CUDA kernels written in Numba: the sums of a tile stay in registers, and no intermediate is in memory.

Same input, same shapes, same kind of device, same bits: sums are cut by sizes alone and added in a fixed order, without
atomics. Pairs are two matrix products, which are cuBLAS's.
"""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import numpy as np

from ... import devices
from .. import gemm
from ..contract import Backend, Speed
from ..cupy.binding import OnCuPy, convert, empty, precisions
from .arrays import prepare, prepare_strided
from .launch import Cuda, OnDevice
from .sets import kernel_sets

_OLDEST = 75  # of compute capabilities: what the compilers of CUDA 13 still know
_PRODUCTS = Speed({"f4": 4.5e13, "f8": 4.5e13, "": 1e12}, bytes_per_second=3e12, seconds_per_call=1e-5)


def _device() -> Cuda:
    """The current device; ImportError says what is missing."""
    cupy = devices.load()
    here = cupy.cuda.Device()
    if int(here.compute_capability) < _OLDEST:
        raise ImportError(
            f"device {here.id} has compute capability {here.compute_capability[:-1]}.{here.compute_capability[-1]}, "
            "these kernels need 7.5; backend 'cupy' runs on it"
        )
    if missing := [name for name in ("numba_cuda", "cuda.core") if not _is_installed(name)]:
        raise ImportError(f"{' and '.join(missing)} is not installed, which compiles the kernels: {devices.PIP}")
    if misfit := _misfit():
        raise ImportError(misfit)
    return Cuda(here.attributes["MultiProcessorCount"], int(here.compute_capability))


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _misfit() -> str | None:
    """Why the compiler that is installed cannot work; None where nothing is known against it."""
    try:
        found = version("numba-cuda")
    except PackageNotFoundError:
        return None
    if hasattr(np, "row_stack") or not found.startswith("0.30."):
        return None
    return (
        f"numba-cuda {found}, which compiles the kernels, cannot do so with NumPy {np.__version__}: "
        "pip install \"numpy<2.5\"; backend 'cupy' runs here as it is"
    )


_GEMM = gemm.kernels("cuda", OnCuPy, _PRODUCTS, 64 << 20)
_PAIRS = tuple(kernel._replace(precisions=precisions()) for kernel in _GEMM if kernel.structure == "pairs")
BACKEND = Backend(
    "cuda", (*kernel_sets("cuda", _device(), OnDevice), *_PAIRS), prepare, prepare_strided, empty, convert, "cupy"
)
