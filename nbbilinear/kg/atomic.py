"""A file that is replaced whole or not at all, whenever the process or the machine stops."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EINVAL
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: what a killed process left there is not cleared
    fcntl = None  # type: ignore[assignment]


@contextmanager
def replaced(target: Path) -> Iterator[IO[bytes]]:
    """Give a file to write; it takes the name ``target`` when the block ends without an error.

    A file beside it is written, brought to the disk, takes the name, and the folder is brought to the disk: killed at
    any moment, ``np.savez`` on the target itself lost the file nearly always. What earlier writers left when they
    were killed is removed; a writer holds a lock on its own.

    Raises
    ------
    OSError
        The folder is missing or full; the old file is as it was.
    """
    _clear(target)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with partial.open("xb") as file:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX)
            yield file
            file.flush()
            os.fsync(file.fileno())
            # Under the lock, so that nobody takes the finished file for a left one. Windows renames no open file.
            if fcntl:
                partial.replace(target)
        if not fcntl:
            partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    if fcntl:  # the name itself is on the disk once its folder is
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # where a file system does not know this, its rename is as good as it gets
        except OSError as error:
            if error.errno != EINVAL:
                raise
        finally:
            os.close(folder)


def _clear(target: Path) -> None:
    """Remove the partial files of ``target`` that no living process holds."""
    if not fcntl:
        return
    prefix = f".{target.name}."
    near = [path for path in target.parent.iterdir() if path.name.startswith(prefix)]
    for path in (path for path in near if _random(path.name.removeprefix(prefix))):
        with suppress(OSError), path.open("rb") as file:  # locked, not ours, or gone already
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _random(ending: str) -> bool:
    return len(ending) == 8 and set(ending) <= set("0123456789abcdef")
