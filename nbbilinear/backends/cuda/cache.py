"""Binaries on disk, so that a kernel is compiled once on a machine: private, checked when read, replaced in one step.

The name of a file is a digest of all that its content depends on: kernel, compute capability, the sources of this
folder, and the versions of the compilers. ``NBBILINEAR_CACHE_DIR`` names another folder.
"""

import os
import tempfile
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .tiles import Kernel

_COMPILERS = ("numba", "numba-cuda", "llvmlite", "cuda-core", "nvidia-nvvm", "nvidia-nvjitlink")


def file_of(kernel: Kernel, capability: tuple[int, int]) -> Path:
    """Where the binary of a kernel is, or will be."""
    text = repr((tuple(kernel), capability, _surroundings()))
    return folder() / f"{kernel.name}-{sha256(text.encode()).hexdigest()}.cubin"


def read(file: Path) -> bool:
    """Whether a whole binary is there: its digest stands beside it."""
    try:
        return _note(file).read_text(encoding="ascii").split()[0] == sha256(file.read_bytes()).hexdigest()
    except (OSError, IndexError, UnicodeDecodeError):
        return False


def entry(file: Path) -> str:
    """The name of a binary's entry."""
    return _note(file).read_text(encoding="ascii").split()[1]


def write(file: Path, code: bytes, name: str) -> None:
    """Put a binary in its place; whoever reads finds the old one, the new one, or none that is whole."""
    for path, content in ((file, code), (_note(file), f"{sha256(code).hexdigest()} {name}".encode("ascii"))):
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as new:
            new.write(content)
        Path(new.name).replace(path)


@lru_cache(maxsize=1)
def folder() -> Path:
    """A folder of this user alone; where there is none, a new one that the system will clear away."""
    asked = os.environ.get("NBBILINEAR_CACHE_DIR")
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nbbilinear" / "cubins"
    place = Path(asked) if asked else usual
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_private(place):
            return place
    except OSError:  # a home that cannot be written to, as in a container
        return Path(tempfile.mkdtemp(prefix="nbbilinear-"))
    return Path(tempfile.mkdtemp(prefix="nbbilinear-"))


def _is_private(place: Path) -> bool:
    """Whether nobody else can put a binary there."""
    if not hasattr(os, "getuid"):
        return True
    found = place.stat()
    return found.st_uid == os.getuid() and not found.st_mode & 0o022 and os.access(place, os.W_OK)


@lru_cache(maxsize=1)
def _surroundings() -> tuple[str, ...]:
    sources = sha256(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))))
    return (sources.hexdigest(), *(f"{name} {_version(name)}" for name in _COMPILERS))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def _note(file: Path) -> Path:
    return file.with_suffix(".sha256")
