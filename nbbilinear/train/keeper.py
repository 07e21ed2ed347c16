"""The checkpoint of a run: taken up at the beginning, replaced after every epoch, named when the run is stopped."""

from pathlib import Path
from types import TracebackType
from typing import Self

from ..kg import resume
from ..kg.training import Training


class Keeper:
    """Keeps a training in a file, or does nothing where there is none.

    Parameters
    ----------
    training : Training
        New; brought to where the file has it.
    file : pathlib.Path or None

    Attributes
    ----------
    epoch : int
        The last that the file has.
    seconds : float
        Spent by earlier runs.

    Raises
    ------
    CheckpointError
        The file is damaged, or of other triples or settings.
    """

    def __init__(self, training: Training, file: Path | None) -> None:
        self._training, self._file = training, file
        self.seconds = resume.resume(file, training) if file and file.exists() else 0.0
        self.epoch = len(training.reports)

    def keep(self, seconds: float) -> None:
        """Replace the file; ``seconds`` are those of this run."""
        if self._file:
            resume.save(self._file, self._training, self.seconds + seconds)
            self.epoch = len(self._training.reports)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let Ctrl-C say how to go on, if there is something to go on from."""
        if isinstance(error, KeyboardInterrupt) and self._file and self.epoch:
            whole = self._training.settings.epochs
            kept = f"stopped; {self._file} has epoch {self.epoch} of {whole}: the same command goes on from there"
            raise KeyboardInterrupt(kept) from None
