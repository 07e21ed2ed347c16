"""What binds kernels written for any array module to CuPy, and says in sentences what only a device can lack."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ...devices import PIP
from ...errors import BackendError

Array = Any


@dataclass(frozen=True, slots=True)
class OnCuPy:
    """A function on CuPy, in whose current stream all its work is queued."""

    function: Callable[..., None]

    def __call__(self, *operands: Any) -> None:
        """Call it."""
        with memory_told():
            self.function(import_module("cupy"), *operands)


def empty(shape: Any, dtype: Any) -> Array:
    """Return new memory on the current device."""
    with memory_told():
        return import_module("cupy").empty(shape, dtype)


@contextmanager
def memory_told() -> Iterator[None]:
    """Turn what CuPy raises when a device is full into a sentence: the bytes wanted, and what to turn."""
    try:
        yield
    except MemoryError as full:
        raise BackendError(
            f"the device's memory is full: {full}. Smaller batches need less; "
            "cupy.get_default_memory_pool().free_all_blocks() gives back what CuPy keeps, and "
            "CUPY_GPU_MEMORY_LIMIT says how much it may take; print(nbbilinear.plan(...)) tells a call's workspace"
        ) from None


def check_cublas(cupy: Any) -> None:
    """Raise ImportError unless CuPy finds cuBLAS, which its wheels lack; else the first call would miss it."""
    try:
        cupy.cuda.cublas  # noqa: B018  loaded when it is looked up
    except (ImportError, AttributeError) as missing:
        reason = (str(missing).splitlines() or [""])[0]
        raise ImportError(f"CuPy finds no cuBLAS ({reason}): {PIP}, or install the CUDA toolkit") from None


def precisions() -> tuple[str, ...]:
    """In what CuPy multiplies matrices of float32: in TF32 where the user has told it so, else in float32."""
    return ("float32",) if os.environ.get("CUPY_TF32", "0") in ("", "0") else ("tf32",)


def as_is(array: Array) -> Array:
    """CuPy takes any strides."""
    return array


def convert(target: Array, source: Array) -> None:
    """Write ``source`` into ``target`` of the same shape, rounded to its dtype."""
    target[...] = source
