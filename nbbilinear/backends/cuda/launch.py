"""Launching on CuPy's current stream, with raw pointers: no allocation, no transfer, no waiting."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from ...errors import BackendError
from ..cupy.binding import memory_told
from . import cache
from .choice import TILES
from .tiles import Kernel, Tile

Array = Any


@dataclass(frozen=True)
class Cuda:
    """A device as the kernels' drivers know it.

    ``capability``: as 90. ``processors``, ``slice_rows`` and ``tiles`` decide how work is cut; the same numbers give
    the same bits. ``kinds``: how operands of a dtype are multiplied.
    """

    processors: int
    capability: int
    kinds: tuple[tuple[str, str], ...] = (("float32", "f4"), ("float64", "f8"))
    slice_rows: int = 256

    @property
    def xp(self) -> Any:
        """CuPy."""
        return import_module("cupy")

    @property
    def tiles(self) -> Mapping[tuple[str, str], Sequence[Tile]]:
        """The tiles of each kernel."""
        return TILES

    def kind(self, dtype: np.dtype[Any]) -> str | None:
        """How operands of this dtype are multiplied; None where they are not."""
        return dict(self.kinds).get(dtype.name)

    def aligned(self, size: int, array: Array) -> bool:
        """Whether rows of so many elements begin at multiples of 16 bytes."""
        return bool(size * array.itemsize % 16 == 0 and array.data.ptr % 16 == 0)

    def launch(self, kernel: Kernel, blocks: int, *arguments: Any) -> None:
        """Queue a kernel; integers become 32-bit ones, arrays their addresses."""
        function = _function(kernel, self.xp.cuda.runtime.getDevice())
        plain = tuple(np.int32(a) if isinstance(a, int) else a for a in arguments)
        function((blocks,), (kernel.tile.threads,), plain)


@dataclass(frozen=True)
class OnDevice:
    """A driver of kernels, on a device."""

    function: Callable[..., Any]
    device: Cuda

    def __call__(self, *operands: Any) -> Any:
        """Call it."""
        with memory_told():
            return self.function(self.device, *operands)


@lru_cache(maxsize=1024)
def _function(kernel: Kernel, number: int) -> Any:
    """The kernel on a device, from the cache of binaries or compiled now."""
    cupy = import_module("cupy")
    digits = cupy.cuda.Device(number).compute_capability
    capability = int(digits[:-1]), int(digits[-1])
    file = cache.file_of(kernel, capability)
    if not cache.read(file):
        _compile(kernel, capability, file)
    return cupy.RawModule(path=str(file)).get_function(cache.entry(file))


def _compile(kernel: Kernel, capability: tuple[int, int], file: Any) -> None:
    try:
        from .compiling import compiled  # noqa: PLC0415  the compilers are needed for what is not in the cache

        found = compiled(kernel, capability)
    except Exception as failed:  # of any kind: compilers let AttributeErrors of their own through
        wanted, reason = "{}.{}".format(*capability), f"{type(failed).__name__}: {failed}"
        raise BackendError(
            f"kernel {kernel.name!r} cannot be compiled for compute capability {wanted}: {reason}; backend 'cupy' "
            "needs no compiler: choose it with nbbilinear.config(backend='cupy')"
        ) from failed
    cache.write(file, found.code, found.entry)
