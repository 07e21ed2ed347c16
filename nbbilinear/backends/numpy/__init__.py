"""NumPy: matrix multiplications through its BLAS, and the definition by its einsum."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import einsum, gemm
from ..contract import Backend, Speed
from ..conversion import convert

# Fitted to `benchmarks/benchmarks/orders.py`, one thread: GEMM reaches 50 to 130 GFLOP/s, einsum's loops 3 to 5,
# an integer matmul has no BLAS. Only the ratios between kernels matter.
_GEMM = Speed({"f4": 1.2e11, "f8": 4.5e10, "": 1e9}, bytes_per_second=3e10, seconds_per_call=2e-6)
_EINSUM = Speed({"f4": 3.9e9, "f8": 3.1e9, "": 1e9}, bytes_per_second=3e10, seconds_per_call=7e-6)


@dataclass(frozen=True, slots=True)
class _OnNumPy:
    """A function on NumPy, without warnings: NaN and infinity show, and a BLAS warns of numbers it throws away."""

    function: Callable[..., None]

    def __call__(self, *operands: Any) -> None:
        with np.errstate(all="ignore"):
            self.function(np, *operands)


def _as_is(array: np.ndarray) -> np.ndarray:
    """NumPy takes any strides, alignment and byte order."""
    return array


BACKEND = Backend(
    "numpy",
    (*gemm.kernels("numpy", _OnNumPy, _GEMM), *einsum.kernels("numpy", _OnNumPy, _EINSUM)),
    prepare=_as_is,
    prepare_strided=_as_is,
    empty=np.empty,
    convert=convert,
)
