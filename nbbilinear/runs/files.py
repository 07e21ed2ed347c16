"""A folder that is filled at the end or not at all."""

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from math import isfinite
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

from ..errors import ConfigError
from ..kg.atomic import held, moved

_STAGING, _LOCK = ".nbbilinear-", ".nbbilinear.lock"


def check(folder: Path, names: Collection[str], *, overwrite: bool) -> None:
    """Refuse a folder that cannot be filled with files of these names.

    Raises
    ------
    ConfigError
        ``folder`` is a file, a link that leads nowhere, or has files of an earlier run that may not be overwritten.
    """
    here = folder.absolute()
    if here.is_symlink() and not here.exists():
        raise ConfigError(f"--output {folder}: a link to {here.readlink()}, where nothing is")
    nearest = next(place for place in (here, *here.parents) if place.exists())
    if not nearest.is_dir():
        raise ConfigError(f"--output {folder}: {nearest} is a file, not a folder")
    there = sorted(name for name in names if os.path.lexists(here / name))
    if there and not overwrite:
        raise ConfigError(
            f"--output {folder}: {', '.join(there)} of an earlier run is there; name another folder, or add --overwrite"
        )


@contextmanager
def filled(folder: Path, names: Collection[str], *, overwrite: bool) -> Iterator[Path]:
    """Give an empty folder to write to; its files move into ``folder`` when the block ends without an error.

    It is made inside ``folder``, and that where it is missing, before the block begins: what a run needs to write its
    results is proved while it has none. Other runs are kept out of ``folder`` meanwhile. After an error the folders
    that were made are removed; those of a process that was killed, by the next run.

    Parameters
    ----------
    folder : pathlib.Path
    names : collection of str
        Of the files that will be written.
    overwrite : bool
        Whether files of these names may be there.

    Raises
    ------
    ConfigError
        As :func:`check`; or another run is filling ``folder``.
    OSError
        It cannot be written; known before the block begins.
    """
    check(folder, names, overwrite=overwrite)
    made = [place for place in (folder.absolute(), *folder.absolute().parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with held(folder / _LOCK, f"--output {folder}: another run is filling this folder; name another one"):
            check(folder, names, overwrite=overwrite)  # a run that ended since may have filled it
            _clear(folder)
            with TemporaryDirectory(prefix=_STAGING, dir=folder) as staging:
                yield Path(staging)
                for file in sorted(Path(staging).iterdir()):
                    moved(file, folder / file.name)
    except BaseException:
        for place in made:
            with suppress(OSError):  # something is in it by now
                place.rmdir()
        raise


def _clear(folder: Path) -> None:
    """Remove what runs left in ``folder`` that were killed; whoever calls this holds its lock."""
    for place in folder.iterdir():
        if place.name.startswith(_STAGING) and place.is_dir() and not place.is_symlink():
            rmtree(place)


def write_json(path: Path, facts: Mapping[str, Any]) -> None:
    """Write ``facts`` for people and programs: indented, in their order; JSON has no NaN, so that is null."""
    path.write_text(json.dumps(_plain(facts), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not isfinite(value) else value
