"""The one table of backends. A backend is a module with a ``BACKEND``, imported on first use."""

from functools import lru_cache
from importlib import import_module
from typing import NamedTuple

from ..errors import BackendError
from .contract import Backend


class Entry(NamedTuple):
    """Where a backend is, and the library whose arrays it computes on: known before it is imported."""

    module: str
    library: str


class Named(NamedTuple):
    """What a backend's name means: a backend, and a kernel or a family of kernels of it; None stands for any."""

    place: str | None
    kernel: str | None

    def means(self, kernel: str) -> bool:
        """Whether the kernel of this full name, as ``"numba/simd.left"``, is one that was named."""
        return self.kernel is None or self.kernel in _known_as(kernel)


ANY = Named(None, None)
_TABLE = {  # in the order in which ties are broken
    "numpy": Entry("nbbilinear.backends.numpy", "numpy"),
    "numba": Entry("nbbilinear.backends.numba", "numpy"),
    "cuda": Entry("nbbilinear.backends.cuda.backend", "cupy"),
    "cupy": Entry("nbbilinear.backends.cupy.backend", "cupy"),
}


def names(library: str | None = None) -> tuple[str, ...]:
    """The names of all backends, present or not; or of those that compute on arrays of this library."""
    return tuple(name for name, entry in _TABLE.items() if library in (None, entry.library))


def library(name: str) -> str:
    """The library whose arrays a backend computes on."""
    return _TABLE[name].library


@lru_cache(maxsize=len(_TABLE))
def backend(name: str) -> Backend:
    """Return the backend of this name; BackendError says why it cannot run here."""
    if name not in _TABLE:
        raise BackendError(f"backend {name!r} is unknown; there are {', '.join(map(repr, _TABLE))}")
    try:
        found: Backend = import_module(_TABLE[name].module).BACKEND
    except ImportError as missing:
        raise BackendError(f"backend {name!r} cannot run here: {missing}") from missing
    return found


def resolve(name: str | None) -> Named:
    """Read the name of a backend or kernel; BackendError where there is none of this name, or it cannot run here.

    Examples
    --------
    >>> resolve("numpy/gemm"), resolve("numpy").kernel, resolve("auto") == resolve(None) == ANY
    (Named(place='numpy', kernel='numpy/gemm'), None, True)
    """
    if name is None:
        return ANY
    if not isinstance(name, str):
        raise BackendError(f"backend must be a name, as 'numpy' or 'numba/portable', got {name!r}")
    if name == "auto":
        return ANY
    place = name.partition("/")[0]
    kernels = backend(place).kernels
    if name == place:
        return Named(place, None)
    if not any(name in _known_as(kernel.name) for kernel in kernels):
        known = ", ".join(sorted({repr(kernel.name) for kernel in kernels}))
        raise BackendError(f"backend {place!r} has no kernel {name!r}; it has {known}")
    return Named(place, name)


def _known_as(kernel: str) -> tuple[str, str]:
    """The names by which a kernel can be asked for: its full name, and its family's, which ends at the dot."""
    return kernel, kernel.partition(".")[0]


def is_present(name: str) -> bool:
    """Whether this backend can run here."""
    try:
        backend(name)
    except BackendError:
        return False
    return True
