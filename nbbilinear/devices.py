"""Arrays on a CUDA device: they become CuPy's without a copy, and a sentence says what is missing where they cannot.

CuPy is imported on first use. No function here changes the current device or stream, nor moves an array unasked.
"""

from typing import Any

Array = Any
PIP = 'pip install "nbbilinear[cuda13]" (for a driver older than 580: "nbbilinear[cuda12]")'
_DLPACK_CUDA = (2, 13)  # kDLCUDA and kDLCUDAManaged of dlpack.h


def load() -> Any:
    """Return CuPy, with a device to compute on; ImportError says what is missing, and how to mend it."""
    try:
        import cupy  # noqa: PLC0415  a quarter of a second, for those who use a device
    except ImportError:
        raise ImportError(f"CuPy is not installed: {PIP}") from None
    if cupy.cuda.is_available():
        return cupy
    runtime = cupy.cuda.runtime
    try:
        missing = "no CUDA device" if runtime.driverGetVersion() else "no NVIDIA driver"
    except RuntimeError as refused:
        missing = f"no CUDA driver that answers ({refused})"
    raise ImportError(
        f"CuPy {cupy.__version__} is here, but {missing} is: `nvidia-smi` must list a device, "
        "and CUDA_VISIBLE_DEVICES must not hide it"
    )


def is_cupy(value: object) -> bool:
    """Whether this is an array of CuPy.

    >>> import numpy as np
    >>> is_cupy(np.ones(2))
    False
    """
    return type(value).__module__.partition(".")[0] == "cupy"


def is_on_device(value: Any) -> bool:
    """Whether an array of another library lies in the memory of a CUDA device."""
    if hasattr(value, "__dlpack_device__"):
        return value.__dlpack_device__()[0] in _DLPACK_CUDA
    return hasattr(value, "__cuda_array_interface__")


def shared(value: Any) -> Array:
    """An array of CuPy on the memory of another library's; the current stream waits for what that still computes."""
    cupy = load()
    return cupy.from_dlpack(value) if hasattr(value, "__dlpack__") else cupy.asarray(value)


def place(array: Array) -> str:
    """Where an array lies, as ``"cpu"`` or ``"cuda:0"``.

    >>> import numpy as np
    >>> place(np.ones(2))
    'cpu'
    """
    return f"cuda:{array.device.id}" if is_cupy(array) else "cpu"


def current() -> str:
    """The device that is current, as ``"cuda:0"``."""
    return f"cuda:{load().cuda.runtime.getDevice()}"


def moved(array: Array, device: str) -> Array:
    """A copy on ``device``, as ``"cpu"``, ``"cuda"`` or ``"cuda:1"``; the same array where it lies there."""
    if device == "cpu":
        return array.get() if is_cupy(array) else array
    cupy = load()
    number = device.partition(":")[2]
    if not number:
        return cupy.asarray(array)
    with cupy.cuda.Device(int(number)):
        return cupy.asarray(array)


def placed(array: Array, like: Array) -> Array:
    """An array of NumPy as a copy where another array is; itself where that is NumPy's too."""
    return moved(array, f"cuda:{like.device.id}") if is_cupy(like) else array
