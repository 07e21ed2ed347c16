"""CUDA kernels written in Numba: the sums of a tile stay in registers, and no intermediate is in memory.

Same input, same shapes, same kind of device, same bits: sums are cut by sizes alone and added in a fixed order, without
atomics. Pairs are two matrix products, which are cuBLAS's.
"""

from functools import partial
from importlib.util import find_spec

from ... import devices
from .. import gemm
from ..contract import Backend, KernelSet, Speed
from ..cupy.binding import OnCuPy, convert, empty
from . import rows
from .arrays import prepare, prepare_strided
from .launch import Cuda, OnDevice

_OLDEST = 75  # of compute capabilities: what the compilers of CUDA 13 still know
# Estimates from data sheets, not measured: fused multiply-adds at 60 % of a device of 2022.
_SPEED = Speed({"f4": 4e13, "f8": 2e13, "": 1e12}, bytes_per_second=3e12, seconds_per_call=5e-6)
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
    return Cuda(here.attributes["MultiProcessorCount"])


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _fused(device: Cuda) -> KernelSet:
    return KernelSet(
        "cuda/fused", "rows", OnDevice(rows.forward, device), OnDevice(rows.backward, device),
        partial(rows.work, device), partial(rows.workspace, device), _SPEED, exchange=False, batch_invariant=False,
    )  # fmt: skip


_PAIRS = tuple(kernel for kernel in gemm.kernels("cuda", OnCuPy, _PRODUCTS, 64 << 20) if kernel.structure == "pairs")
BACKEND = Backend("cuda", (_fused(_device()), *_PAIRS), prepare, prepare_strided, empty, convert, "cupy")
