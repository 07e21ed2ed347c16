"""A folder that is filled at the end or not at all."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import EACCES
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..errors import ConfigError


def check(folder: Path) -> Path:
    """Return the folder, or the nearest above it that exists, if files can be written there.

    Raises
    ------
    ConfigError
        ``folder`` is a file, or a link that leads nowhere.
    OSError
        It cannot be written.
    """
    here = folder.absolute()
    if here.is_symlink() and not here.exists():
        raise ConfigError(f"--output {folder}: a link to {here.readlink()}, where nothing is")
    nearest = next(place for place in (here, *here.parents) if place.exists())
    if not nearest.is_dir():
        raise ConfigError(f"--output {folder}: {nearest} is a file, not a folder")
    if not os.access(nearest, os.W_OK):
        raise PermissionError(EACCES, os.strerror(EACCES), str(nearest))
    return nearest


@contextmanager
def filled(folder: Path) -> Iterator[Path]:
    """Give an empty folder to write to; its files move into ``folder`` when the block ends without an error.

    Raises
    ------
    ConfigError
        ``folder`` is a file.
    OSError
        It cannot be written; known before the block begins.
    """
    here, nearest = folder.absolute(), check(folder)
    # A file moves within one file system only: a folder that is a mount of its own has its neighbour inside.
    beside = nearest.parent if nearest == here and not here.is_mount() else nearest
    with TemporaryDirectory(prefix=".nbbilinear-", dir=beside) as staging:
        yield Path(staging)
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(Path(staging).iterdir()):
            file.replace(folder / file.name)


def write_json(path: Path, facts: Mapping[str, Any]) -> None:
    """Write ``facts`` for people and programs: indented, in their order; JSON has no NaN, so that is null."""
    path.write_text(json.dumps(_plain(facts), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not isfinite(value) else value
