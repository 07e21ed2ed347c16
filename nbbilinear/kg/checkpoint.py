"""Arrays in an npz file: written whole or not at all, checked before they are read."""

import os
import zipfile
from collections.abc import Iterable, Mapping
from math import prod
from pathlib import Path
from textwrap import shorten
from tokenize import TokenError
from typing import IO, Any

import numpy as np

from ..errors import CheckpointError
from .atomic import replaced

Array = Any

_SHORT = 200  # characters of a reason
_STRAY = "allow_pickle"  # NumPy 2.1 stored this argument as an array: earlier versions of this file have it
# What zipfile and NumPy raise for flipped bits, bad lengths, foreign compression and encryption.
_DAMAGE = (
    zipfile.BadZipFile,
    EOFError,
    KeyError,
    OSError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TokenError,
    TypeError,
    ValueError,
)


def write(path: str | Path, arrays: Mapping[str, Array]) -> None:
    """Write named arrays to ``path``; whoever reads it finds the old file or the new one, never a part.

    Raises
    ------
    OSError
        The folder is missing or full; the old file is as it was.
    """
    stored: dict[str, Any] = {name: np.asarray(a, order="C") for name, a in arrays.items()}
    with replaced(Path(path)) as file:
        np.savez(file, **stored)


def read(path: str | Path, names: Iterable[str], others: Iterable[str] = ()) -> dict[str, Array]:
    """Read these arrays from an npz file that has them, and no others than ``others``, which stay unread.

    Sizes are checked against the file before memory is taken, checksums while reading; nothing in the file is run.

    Raises
    ------
    CheckpointError
        The file is damaged, compressed, or holds other arrays.
    OSError
        There is no such file, or it cannot be read.
    """
    expected, allowed = sorted(names), {*others, _STRAY}
    if Path(path).exists() and not Path(path).is_file():  # to open a pipe may take for ever
        raise CheckpointError(f"{path}: not a plain file")
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            with zipfile.ZipFile(file) as archive:
                found = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
                fits = sorted(found.keys() - allowed) == expected
                stored = {name: _array(archive, found[name], size) for name in expected} if fits else {}
        except _DAMAGE as error:
            reason = shorten(str(error), _SHORT)  # zipfile quotes what it met, which may be the whole file
            raise CheckpointError(f"{path}: no model can be read from this file ({reason})") from error
    if not stored:
        raise CheckpointError(
            f"{path}: expected arrays {', '.join(expected)}, found {shorten(', '.join(sorted(found)), _SHORT)}"
        )
    return stored


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, size: int) -> Array:
    with archive.open(entry) as member:
        shape, dtype = _header(member)
        if entry.compress_type != zipfile.ZIP_STORED or member.tell() + prod(shape) * dtype.itemsize != entry.file_size:
            raise ValueError(f"{entry.filename} has another size than it says")
        if entry.file_size > size:
            raise ValueError(f"{entry.filename} is larger than the file")
        member.seek(0)
        return np.lib.format.read_array(member, allow_pickle=False)


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    if version != (1, 0):  # what NumPy writes for plain arrays
        raise ValueError(f"format {version} of NumPy arrays")
    shape, _, dtype = np.lib.format.read_array_header_1_0(member)
    return shape, dtype
