"""The checkpoint of a run: taken up at the beginning, replaced after every epoch, named when the run is stopped."""

from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from ..kg import resume
from ..kg.training import Training


class Keeper:
    """Keeps a training in a file after every epoch; where there is none, in a new one when the run is stopped.

    Parameters
    ----------
    training : Training
        New; brought to where the file has it.
    file : pathlib.Path or None
    otherwise : pathlib.Path
        The new file without ``file``; numbered where there is one.

    Attributes
    ----------
    epoch : int
        The last that is kept.
    seconds : float
        Spent by earlier runs.

    Raises
    ------
    CheckpointError
        The file is damaged, or of other triples or settings.
    """

    def __init__(self, training: Training, file: Path | None, otherwise: Path) -> None:
        self._training, self._file, self._otherwise = training, file, otherwise
        self.seconds = resume.resume(file, training) if file and file.exists() else 0.0
        self.epoch, self._run = len(training.reports), 0.0

    def keep(self, seconds: float) -> None:
        """Replace the file; ``seconds`` are those of this run."""
        self._run = seconds
        if self._file:
            self._save(self._file)

    def _save(self, file: Path) -> None:
        resume.save(file, self._training, self.seconds + self._run)
        self.epoch = len(self._training.reports)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let Ctrl-C say how to go on, if there is something to go on from."""
        if not isinstance(error, KeyboardInterrupt):
            return
        whole, file, how = self._training.settings.epochs, self._file, "the same command goes on from there"
        if not file and self._training.reports:
            file = _free(self._otherwise)
            self._save(file)
            how = f"the same command with --checkpoint {file} goes on from there"
        if file and self.epoch:
            raise KeyboardInterrupt(f"stopped; {file} has epoch {self.epoch} of {whole}: {how}") from None


def _free(file: Path) -> Path:
    """A name like this one that no file has."""
    names = (file.with_stem(f"{file.stem}-{number}") if number > 1 else file for number in count(1))
    return next(name for name in names if not name.exists())
