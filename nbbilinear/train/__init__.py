"""A user's own graph learnt: triples from text files, a training that can be taken up again, a model with names."""

import os
from pathlib import Path

from ..errors import ConfigError
from ..runs import quiet_blas
from .options import Options

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
        With a checkpoint, and its text says how to go on.
    """
    if options.checkpoint:
        _check_place(options.checkpoint)
    with quiet_blas("training with a picture of it"):
        from .story import tell  # noqa: PLC0415  loads rich and matplotlib: on first use

        tell(options)


def _check_place(checkpoint: Path) -> None:
    """Say now what would fail after the first epoch."""
    folder = checkpoint.absolute().parent
    if checkpoint.is_dir():
        raise ConfigError(f"--checkpoint {checkpoint}: a folder, not a file")
    if not folder.is_dir():
        raise ConfigError(f"--checkpoint {checkpoint}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"--checkpoint {checkpoint}: the folder {folder} cannot be written to")
