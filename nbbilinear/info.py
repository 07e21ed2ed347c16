"""What is here: versions, processor, threads, vectors, backends, optional packages. What a bug report needs."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import backends, vectors
from .config import current
from .errors import BackendError, ConfigError
from .runs.versions import installed, versions

_EXTRAS = {  # those of pyproject.toml that this version uses
    "demo": ("rich", "matplotlib", "threadpoolctl"),
    "tensorly": ("tensorly",),
}
_VARIABLE = "NBBILINEAR_VECTORS"


def facts() -> dict[str, Any]:
    """Gather what is here, part by part; plain enough for JSON."""
    return {
        "versions": versions(),
        "processor": _processor(),
        "threads": {
            "processors allowed": _allowed(),
            "container limit": _container_limit(),
            "NUMBA_NUM_THREADS": os.environ.get("NUMBA_NUM_THREADS"),
            "NBBILINEAR_THREADS": _threads_set(),
        },
        "vectors": _vectors(),
        "backends": {name: _backend(name) for name in backends.names()},
        "optional packages": {extra: _optional(packages) for extra, packages in _EXTRAS.items()},
    }


def _processor() -> dict[str, Any]:
    from llvmlite import binding  # noqa: PLC0415  loads LLVM: only where its answer is wanted

    features = binding.get_host_cpu_features()  # those that this kind of processor may have
    vectors = ("avx2", "avx512f", "fma", "neon", "sve")
    return {"name": binding.get_host_cpu_name()} | {name: features[name] for name in vectors if name in features}


def _threads_set() -> int | str | None:
    """The setting, or what is wrong with the settings: who asks for this page may be after just that."""
    try:
        return current().threads
    except ConfigError as error:
        return str(error)


def _vectors() -> dict[str, str | None]:
    """The width in use and why, or what is wrong with the settings."""
    here = vectors.here()
    shown = {"may be asked for": ", ".join(vectors.choices()), _VARIABLE: os.environ.get(_VARIABLE) or None}
    try:
        asked = current().vectors
    except ConfigError as error:
        return {"in use": str(error)} | shown
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return {"in use": "none: NUMBA_DISABLE_JIT is set, and vector kernels are compiled"} | shown
    if asked == "auto":
        found = f"{here[0]}: the widest this processor has" if here else "none: no vectors with fused multiply-add here"
        return {"in use": found} | shown
    source = _VARIABLE if asked == os.environ.get(_VARIABLE) else "nbbilinear.config"
    return {"in use": f"{asked}: {source}; the processor has {here[0] if here else 'none'}"} | shown


def _allowed() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _container_limit() -> float | None:
    """Processors that the control group grants, where it sets a limit."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _backend(name: str) -> str:
    try:
        found = backends.backend(name)
    except BackendError as error:
        return f"not here: {error}"
    return "kernels " + ", ".join(dict.fromkeys(kernel.name for kernel in found.kernels))


def _optional(packages: Sequence[str]) -> str:
    found = [f"{package} {version}" for package in packages if (version := installed(package))]
    missing = [package for package in packages if not installed(package)]
    if missing:
        found.append(f"missing {', '.join(missing)}: pip install {' '.join(missing)}")
    return "; ".join(found)
