"""The one table of backends. A backend is a folder with a ``BACKEND``, imported on first use."""

from functools import lru_cache
from importlib import import_module

from ..errors import BackendError
from .contract import Backend

_TABLE = {  # name -> folder, in the order in which ties are broken
    "numpy": "nbbilinear.backends.numpy",
    "numba": "nbbilinear.backends.numba",
}


def names() -> tuple[str, ...]:
    """The names of all backends, present or not."""
    return tuple(_TABLE)


@lru_cache(maxsize=len(_TABLE))
def backend(name: str) -> Backend:
    """Return the backend of this name; BackendError says why it cannot run here."""
    if name not in _TABLE:
        raise BackendError(f"backend {name!r} is unknown; there are {', '.join(map(repr, _TABLE))}")
    try:
        found: Backend = import_module(_TABLE[name]).BACKEND
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
