"""How to train, and what an epoch reports."""

from typing import NamedTuple

from ..scalars import number, whole
from .ranking import Metrics


class Settings(NamedTuple):
    """How to train. The defaults were chosen on the validation part of Kinships: docs/kinships-tuning.md.

    Attributes
    ----------
    epochs : int
    learning_rate : float
        At the start; it falls to zero in a straight line over the epochs.
    weight_decay : float
    smoothing : float
        Share of the probability that targets spread over all entities.
    batch : int
        The most questions in a batch.
    evaluate_every : int
        Validation metrics come every so many epochs, and after the first and the last.
    seed : int
        Of the batches' order.
    """

    epochs: int = 80
    learning_rate: float = 1e-2
    weight_decay: float = 2e-3
    smoothing: float = 0.1
    batch: int = 64
    evaluate_every: int = 5
    seed: int = 0


class EpochReport(NamedTuple):
    """What an epoch did: mean loss, training triples per second (both directions of each), validation metrics."""

    epoch: int
    loss: float
    triples_per_second: float
    valid: Metrics | None


def checked(settings: Settings) -> Settings:
    """The settings with counts as ints and numbers as floats; ConfigError where one has no meaning.

    >>> checked(Settings(learning_rate=1)).learning_rate
    1.0
    """
    return Settings(
        whole("epochs", settings.epochs, 1),
        number("learning_rate", settings.learning_rate),
        number("weight_decay", settings.weight_decay),
        number("smoothing", settings.smoothing, below=1),
        whole("batch", settings.batch, 1),
        whole("evaluate_every", settings.evaluate_every, 1),
        whole("seed", settings.seed, 0),
    )
