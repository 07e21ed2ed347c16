"""A folder that is filled at the end or not at all."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..errors import ConfigError


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
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--output {folder} is a file, not a folder")
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    # A file is moved within one file system only: a folder that is a mount of its own has its neighbour inside.
    beside = nearest if nearest != folder or folder.is_mount() else folder.absolute().parent
    if nearest == folder and not os.access(folder, os.W_OK):
        raise PermissionError(13, "Permission denied", str(folder))
    with TemporaryDirectory(prefix=".nbbilinear-demo-", dir=beside) as staging:
        yield Path(staging)
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(Path(staging).iterdir()):
            file.replace(folder / file.name)


def write_json(path: Path, facts: Mapping[str, Any]) -> None:
    """Write ``facts`` for people and programs: indented, in their order, without NaN."""
    path.write_text(json.dumps(facts, indent=2, allow_nan=False) + "\n", encoding="utf-8")
