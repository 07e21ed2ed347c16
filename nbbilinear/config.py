"""Settings: one immutable record in a context variable, defaults from the environment.

Threads started by the user begin with the defaults, as ``contextvars`` has it.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, NamedTuple

from . import vectors as widths
from .errors import ConfigError

_ELSEWHERE = ("cache_dir",)  # NBBILINEAR_ variables that are read by another module
PRECISIONS = ("float32", "tf32x3", "tf32")  # those of the kernels there are


class Config(NamedTuple):
    """What a call may be told that is not an operand."""

    backend: str | None = None
    threads: int | None = None
    precision: str = "float32"
    batch_invariant: bool = False
    vectors: str = "auto"


_settings: ContextVar[Config | None] = ContextVar("nbbilinear_config", default=None)


def current() -> Config:
    """Return the settings in force in this context."""
    return _settings.get() or _from_environment()


@contextmanager
def config(
    *,
    backend: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    batch_invariant: bool | None = None,
    vectors: str | None = None,
) -> Iterator[Config]:
    """Change settings inside a ``with`` block; what is not named stays as it is.

    Parameters
    ----------
    backend : str, optional
        ``"numpy"``, ``"numba"``, ``"cuda"``, ``"cupy"``, one kernel of a backend as ``"numba/portable"``, or
        ``"auto"``: the cheapest.
    threads : int, optional
        The most threads the ``numba`` backend may use; its results have the same bits for any number. NumPy's BLAS has
        threads of its own: see ``threadpoolctl``.
    precision : str, optional
        How float32 operands are multiplied; sums are float32. ``"float32"``, or on tensor cores of backend ``cuda``:
        ``"tf32x3"``, three products of 11 bits for one, about as precise, or ``"tf32"``, factors rounded to 11 bits.
        What a backend or its hardware lacks is refused. float64 and integers are computed as ever.
    batch_invariant : bool, optional
        Only kernels whose result for a row does not depend on the rows beside it: paired rows on ``numba``.
    vectors : str, optional
        The width of the vectors in the ``numba`` backend's vector kernels: ``"avx512"`` (512 bits), ``"avx2"`` (256),
        ``"neon"`` (128, on x86 too), ``"none"``: none of these kernels, NumPy and portable loops compute; or
        ``"auto"``: the widest that this processor has. A narrower one is compiled for processors without wider ones. A
        plan, and what :func:`nbbilinear.bilinear_vjp` returns, keep to the vectors they were made with.

    Raises
    ------
    ConfigError
        A value has no meaning, or this processor lacks such vectors.

    Examples
    --------
    >>> import nbbilinear as nbl
    >>> with nbl.config(threads=1, batch_invariant=True) as settings:
    ...     settings.threads
    1
    """
    given = {
        "backend": backend, "threads": threads, "precision": precision, "batch_invariant": batch_invariant,
        "vectors": vectors,
    }  # fmt: skip
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    changed = _checked(current()._replace(**changes), "config")
    token = _settings.set(changed)
    try:
        yield changed
    finally:
        _settings.reset(token)


def under(vectors: str) -> AbstractContextManager[Config | None]:
    """A ``with`` block with these vectors, which does nothing where they are in force."""
    return nullcontext() if current().vectors == vectors else config(vectors=vectors)


@lru_cache(maxsize=1)
def _from_environment() -> Config:
    """Read ``NBBILINEAR_BACKEND``, ``_THREADS``, ``_PRECISION``, ``_BATCH_INVARIANT`` and ``_VECTORS``, once."""
    known = {f"NBBILINEAR_{name.upper()}" for name in (*Config._fields, *_ELSEWHERE)}
    if unknown := sorted(name for name in os.environ if name.startswith("NBBILINEAR_") and name not in known):
        raise ConfigError(f"{', '.join(unknown)}: no such environment variable; there are {', '.join(sorted(known))}")
    text = {field: os.environ.get(f"NBBILINEAR_{field.upper()}") for field in Config._fields}
    try:
        threads = int(text["threads"]) if text["threads"] else None
    except ValueError:
        raise ConfigError(f"NBBILINEAR_THREADS must be a whole number, got {text['threads']!r}") from None
    flag = (text["batch_invariant"] or "0").lower()
    if flag not in ("0", "1", "false", "true"):
        raise ConfigError(f"NBBILINEAR_BATCH_INVARIANT must be 0, 1, true or false, got {flag!r}")
    found = Config(
        text["backend"] or None, threads, text["precision"] or "float32", flag in ("1", "true"),
        text["vectors"] or "auto",
    )  # fmt: skip
    return _checked(found, "NBBILINEAR_* environment")


def _checked(settings: Config, source: str) -> Config:
    threads = settings.threads
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
        raise ConfigError(f"{source}: threads must be a whole number of at least 1, got {threads!r}")
    if not isinstance(settings.batch_invariant, bool):
        raise ConfigError(f"{source}: batch_invariant must be True or False, got {settings.batch_invariant!r}")
    if settings.precision not in PRECISIONS:
        raise ConfigError(f"{source}: precision must be one of {', '.join(PRECISIONS)}, got {settings.precision!r}")
    if wrong := widths.fault(settings.vectors):
        raise ConfigError(f"{source}: {wrong}")
    return settings
