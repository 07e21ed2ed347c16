"""A file that is replaced whole or not at all, whenever the process or the machine stops."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EINVAL
from pathlib import Path
from shutil import copyfileobj
from typing import IO

from ..errors import ConfigError

try:
    import fcntl
except ImportError:  # Windows: what a killed process left there is not cleared
    fcntl = None  # type: ignore[assignment]


@contextmanager
def replaced(target: Path) -> Iterator[IO[bytes]]:
    """Give a file to write; it takes the name ``target`` when the block ends without an error.

    A file beside it is written, brought to the disk, takes the name, and the folder is brought to the disk: killed at
    any moment, ``np.savez`` on the target itself lost the file nearly always. What earlier writers left when they
    were killed is removed; a writer holds a lock on its own. Of an old file the owner and the permissions are kept;
    where the name is a link, the file is replaced to which it leads.

    Raises
    ------
    OSError
        The folder is missing or full; the old file is as it was.
    """
    target = Path(os.path.realpath(target))
    _clear(target)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with partial.open("xb") as file:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX)
            _like(target, partial)
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


def moved(file: Path, target: Path) -> None:
    """Give a finished file the name ``target``, in the same file system; as :func:`replaced` does it.

    Raises
    ------
    OSError
        It cannot be moved; the old file is as it was.
    """
    if target.is_symlink():  # which may lead to another file system
        with replaced(target) as copy, file.open("rb") as source:
            copyfileobj(source, copy)
        file.unlink()
    else:
        _like(target, file)
        file.replace(target)


@contextmanager
def held(lock: Path, taken: str) -> Iterator[None]:
    """Hold a lock that one process can have; the file ``lock`` is there meanwhile.

    Parameters
    ----------
    lock : pathlib.Path
    taken : str
        What to say where another process has it.

    Raises
    ------
    ConfigError
        Another process has it.
    OSError
        The folder cannot be written.
    """
    with lock.open("ab") as file:
        if fcntl and not _locked(file, lock):
            raise ConfigError(taken)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _locked(file: IO[bytes], path: Path) -> bool:
    """Lock an open file; False where another process has it, or had it and has removed it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False


def _like(old: Path, new: Path) -> None:
    """Give a new file the permissions of an old one, and where this process may, its owner."""
    if not old.exists():
        return
    wanted, found = old.stat(), new.stat()
    if (wanted.st_uid, wanted.st_gid) != (found.st_uid, found.st_gid):
        with suppress(PermissionError):
            os.chown(new, wanted.st_uid, wanted.st_gid)
    new.chmod(stat.S_IMODE(wanted.st_mode))


def _clear(target: Path) -> None:
    """Remove the partial files of ``target`` that no living process holds."""
    if not fcntl:
        return
    prefix = f".{target.name}."
    near = [path for path in target.parent.iterdir() if path.name.startswith(prefix)]
    for path in (path for path in near if _random(path.name.removeprefix(prefix))):
        # A pipe is left alone: to open one may take for ever. Others may be locked, not ours, or gone already.
        if path.is_file() and not path.is_symlink():
            with suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


def _random(ending: str) -> bool:
    return len(ending) == 8 and set(ending) <= set("0123456789abcdef")
