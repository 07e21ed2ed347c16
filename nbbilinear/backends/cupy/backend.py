"""CuPy: matrix multiplications by cuBLAS, and the definition by its einsum, on its current stream.

``einsum`` is here as definition and peer. CuPy's takes the last two operands first whatever the sizes, and copies what
is not C-contiguous, with intermediates as large as the operands make them: it runs only where it is asked for by name.
"""

from ... import devices
from .. import einsum, gemm
from ..contract import Backend, Speed
from .binding import OnCuPy, as_is, check_cublas, convert, empty, precisions

check_cublas(devices.load())
# From data sheets of a device of 2022 and from published overheads, not measured: only ratios between kernels matter.
_GEMM = Speed({"f4": 4.5e13, "f8": 4.5e13, "": 1e12}, bytes_per_second=3e12, seconds_per_call=1e-5)
_EINSUM = Speed({"f4": 1e12, "f8": 1e12, "": 1e11}, bytes_per_second=1e12, seconds_per_call=1e-4)
_BLOCK = 64 << 20  # bytes of an intermediate: a product on a device needs many rows to run at full speed
_PRODUCTS = (kernel._replace(precisions=precisions()) for kernel in gemm.kernels("cupy", OnCuPy, _GEMM, _BLOCK))

BACKEND = Backend(
    "cupy",
    (*_PRODUCTS, *einsum.kernels("cupy", OnCuPy, _EINSUM)),
    prepare=as_is,
    prepare_strided=as_is,
    empty=empty,
    convert=convert,
    library="cupy",
)
