"""Train RESCAL: softmax over all entities, batches of one relation, Adam on what a batch touches."""

from collections.abc import Iterator
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ..errors import ConfigError, ShapeError
from ..losses import cross_entropy
from ..optim import Adam
from .data import KnowledgeGraph, Questions, questions, with_inverses
from .ranking import Metrics, evaluate
from .rescal import Rescal

Array = Any


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


def train(model: Rescal, graph: KnowledgeGraph, settings: Settings | None = None) -> Iterator[EpochReport]:
    """Train in place, one epoch for each report taken.

    An epoch that is interrupted, by Ctrl-C or an error, is undone: the model is as after the epoch before.

    Parameters
    ----------
    model : Rescal
        Of the graph's sizes.
    graph : KnowledgeGraph
        ``train`` is learnt, ``valid`` is ranked.
    settings : Settings, optional

    Yields
    ------
    EpochReport

    Raises
    ------
    ConfigError
        A setting has no meaning.
    ShapeError
        The model has other sizes than the graph.

    Notes
    -----
    An epoch asks every "head, relation, ?" of the training triples once, in both directions, against all N entities:
    about ``6·Q·d·(d + N)`` flop for Q questions. Temporaries have a batch's size; a copy of the model is kept.
    Source: KvsAll with cross-entropy, as Ruffinelli et al. 2020 name it.

    Examples
    --------
    >>> from nbbilinear.kg.data import load
    >>> graph = load("nations")
    >>> model = Rescal(len(graph.entities), len(graph.relations), dim=8, rng=0)
    >>> reports = list(train(model, graph, Settings(epochs=2)))
    >>> reports[1].loss < reports[0].loss
    True
    """
    settings = settings or Settings()
    if min(settings.epochs, settings.batch, settings.evaluate_every) < 1 or not 0 <= settings.smoothing < 1:
        raise ConfigError(f"epochs, batch and evaluate_every start at 1, smoothing is in [0, 1); got {settings}")
    sizes = (len(graph.entities), 2 * len(graph.relations))
    if (len(model.entities.data), len(model.relations.data)) != sizes:
        raise ShapeError(f"{graph.name} needs a model of {sizes[0]} entities and {sizes[1] // 2} relations")
    return _epochs(model, graph, settings)


def _epochs(model: Rescal, graph: KnowledgeGraph, settings: Settings) -> Iterator[EpochReport]:
    asked = questions(with_inverses(graph.train, len(graph.relations)))
    rng = np.random.default_rng(settings.seed)
    optimizer = Adam(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    for epoch in range(1, settings.epochs + 1):
        optimizer.lr = settings.learning_rate * (1 - (epoch - 1) / settings.epochs)
        before, begin = model.state_dict(), perf_counter()
        try:
            loss = sum(_step(model, optimizer, asked, rows, settings) for rows in batches(asked, settings.batch, rng))
        except BaseException:
            model.load_state_dict(before)
            raise
        finally:
            model.zero_grad()
        speed = len(graph.train) / (perf_counter() - begin)
        due = epoch % settings.evaluate_every == 0 or epoch in (1, settings.epochs)
        valid = evaluate(model.scores, graph, graph.valid).both if due else None
        yield EpochReport(epoch, loss / len(asked.heads), speed, valid)


def batches(asked: Questions, size: int, rng: np.random.Generator) -> list[Array]:
    """Positions of all questions in parts of one relation and at most ``size``, in random order."""
    shuffled = rng.permutation(len(asked.heads))
    shuffled = shuffled[np.argsort(asked.relations[shuffled], kind="stable")]
    relations = np.split(shuffled, np.flatnonzero(np.diff(asked.relations)) + 1)
    parts = [part for rows in relations for part in np.array_split(rows, -(-len(rows) // size))]
    return [parts[i] for i in rng.permutation(len(parts))]


def gradient(model: Rescal, asked: Questions, rows: Array, smoothing: float) -> float:
    """Mean loss of the questions at ``rows``; its gradient is added to the model's parameters."""
    heads, relations = asked.heads[rows], asked.relations[rows]
    targets = asked.answers(rows, len(model.entities.data)).astype(model.entities.dtype)
    targets *= (1 - smoothing) / targets.sum(axis=1, keepdims=True)
    targets += smoothing / targets.shape[1]
    loss = cross_entropy(model.scores(heads, relations), targets)
    model.backward(loss.grad, heads, relations)
    return float(loss.value)


def _step(model: Rescal, optimizer: Adam, asked: Questions, rows: Array, settings: Settings) -> float:
    """One batch; returns the sum of its losses."""
    loss = gradient(model, asked, rows, settings.smoothing)
    touched = np.unique(asked.relations[rows])
    optimizer.step(touched={model.relations: touched})
    model.clear(touched)
    return loss * len(rows)
