"""What a training can be asked."""

from pathlib import Path
from typing import NamedTuple

from ..kg.settings import Settings

FILES = "metrics.json", "rescal.npz", "training.png"
_USUAL = Settings()


class Options(NamedTuple):
    """What to learn, and how.

    Attributes
    ----------
    triples : pathlib.Path
        The folder with train, valid and test triples.
    output : pathlib.Path
        The folder to fill.
    dim : int
        Length of an entity's vector.
    epochs, seed, lr, weight_decay, batch
        As :class:`nbbilinear.kg.Settings`; the seed is that of the initial values too.
    checkpoint : pathlib.Path, optional
        The file to keep the training in after every epoch, and to take it up from.
    overwrite : bool
        Whether files of an earlier run in ``output`` may be replaced.
    quiet : bool
        One line at the end, and nothing else.
    """

    triples: Path
    output: Path = Path("nbbilinear-train")
    dim: int = 100
    epochs: int = _USUAL.epochs
    seed: int = _USUAL.seed
    lr: float = _USUAL.learning_rate
    weight_decay: float = _USUAL.weight_decay
    batch: int = _USUAL.batch
    checkpoint: Path | None = None
    overwrite: bool = False
    quiet: bool = False

    def settings(self) -> Settings:
        """Settings of the training; the validation part is ranked after every epoch."""
        return Settings(
            epochs=self.epochs,
            learning_rate=self.lr,
            weight_decay=self.weight_decay,
            batch=self.batch,
            seed=self.seed,
            evaluate_every=1,
        )
