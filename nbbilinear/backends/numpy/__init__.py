"""NumPy: matrix multiplications through its BLAS, and the definition by its einsum."""

from collections.abc import Callable
from functools import partial

import numpy as np

from .. import einsum, gemm
from ..contract import Backend, Speed

# Fitted to `benchmarks/benchmarks/orders.py`, one thread: GEMM reaches 60 to 110 GFLOP/s, einsum's loops 1 to 2,
# an integer matmul has no BLAS. Only the ratios between kernels matter.
_GEMM = Speed({"f4": 1.2e11, "f8": 6e10, "": 1e9}, bytes_per_second=2e10, seconds_per_call=1.5e-6)
_EINSUM = Speed({"f4": 1.5e9, "f8": 1.5e9, "": 1e9}, bytes_per_second=1.2e10, seconds_per_call=4e-6)


def _bind(function: Callable[..., None]) -> Callable[..., None]:
    """The function on NumPy, without warnings: NaN and infinity show, and a BLAS warns of numbers it throws away."""
    return np.errstate(all="ignore")(partial(function, np))


def _as_is(array: np.ndarray) -> np.ndarray:
    """NumPy takes any strides, alignment and byte order."""
    return array


BACKEND = Backend(
    "numpy",
    (*gemm.kernels("numpy", _bind, _GEMM), *einsum.kernels("numpy", _bind, _EINSUM)),
    prepare=_as_is,
    prepare_strided=_as_is,
    empty=np.empty,
    strided_weight=True,
)
