"""A user's own graph learnt: triples from text files, a training that can be taken up again, a model with names."""

import os
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from ..errors import ConfigError
from ..kg.atomic import held
from ..runs import quiet_blas
from .options import FILES, Options

__all__ = ["Options", "run"]


def run(options: Options) -> None:
    """Read, train, judge, and fill ``options.output``; nothing is left there after a failure.

    Raises
    ------
    ConfigError
        An option has no meaning, or rich, matplotlib or threadpoolctl are missing.
    DataError
        A file of triples is missing or malformed.
    CheckpointError
        The checkpoint is damaged, or of other triples or settings.
    OSError
        A file cannot be read, or the folder not be written.
    KeyboardInterrupt
        After the first epoch, and its text says how to go on.
    """
    with ExitStack() as held_, quiet_blas("training with a picture of it"):
        from .story import tell  # noqa: PLC0415  loads rich and matplotlib: on first use

        if options.checkpoint:
            held_.enter_context(_taken(options.checkpoint, options.output))
        tell(options)


def _taken(checkpoint: Path, output: Path) -> AbstractContextManager[None]:
    """Keep other runs from the file; say now what would fail after the first epoch."""
    folder = checkpoint.absolute().parent
    if checkpoint.is_dir():
        raise ConfigError(f"--checkpoint {checkpoint}: a folder, not a file")
    if not folder.is_dir():
        raise ConfigError(f"--checkpoint {checkpoint}: there is no folder {folder}")
    if checkpoint.exists() and not checkpoint.is_file():
        raise ConfigError(f"--checkpoint {checkpoint}: neither a file nor a new name")
    if os.path.realpath(checkpoint) in {os.path.realpath(output / name) for name in FILES}:
        raise ConfigError(f"--checkpoint {checkpoint}: the results are written to this file; name another one")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"--checkpoint {checkpoint}: the folder {folder} cannot be written to")
    lock = Path(os.path.realpath(checkpoint)).with_name(f".{checkpoint.name}.lock")
    return held(lock, f"--checkpoint {checkpoint}: another run keeps its training there; name another file")
