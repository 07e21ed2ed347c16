"""Versions of what a result depends on."""

import platform
from importlib.metadata import PackageNotFoundError, version


def installed(package: str) -> str | None:
    """Version of an installed package, without importing it; None where it is missing.

    >>> installed("no-such-package") is None
    True
    """
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def versions() -> dict[str, str | None]:
    """Versions of this package (None in a source folder that is not installed), Python, and what does the work."""
    packages = ("nbbilinear", "numpy", "numba", "llvmlite")
    found = {"python": platform.python_version(), "platform": platform.platform()}
    return {packages[0]: installed(packages[0])} | found | {name: installed(name) for name in packages[1:]}
