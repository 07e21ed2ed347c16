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


def is_present(name: str) -> bool:
    """Whether this backend can run here."""
    try:
        backend(name)
    except BackendError:
        return False
    return True
