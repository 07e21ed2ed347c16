"""Train RESCAL: softmax over all entities, batches of one relation, Adam on what a batch touches."""

from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ..errors import CheckpointError, ShapeError
from ..optim import Adam
from .codes import triples
from .data import KnowledgeGraph, questions, with_inverses
from .ranking import Metrics, evaluate
from .rescal import Rescal
from .settings import EpochReport, Settings, checked
from .steps import Watch, batches, gradient, watched

Array = Any


class State(NamedTuple):
    """A training between two epochs: arrays of the model and of the optimiser, the generator, and what was reported."""

    arrays: dict[str, Array]
    generator: Mapping[str, Any]
    reports: list[EpochReport]


class Training:
    """A training that stands between two epochs, can be kept there, and go on later with the same bits.

    Parameters
    ----------
    model : Rescal
        Of the graph's sizes; trained in place.
    graph : KnowledgeGraph
        ``train`` is learnt, ``valid`` is ranked.
    settings : Settings, optional

    Attributes
    ----------
    asked : Questions
        What the training triples ask, in both directions.
    reports : list of EpochReport
        Of every epoch so far.

    Raises
    ------
    ConfigError
        A setting has no meaning.
    ShapeError
        The model has other sizes than the graph.
    IndexError
        A triple has an entity or relation that the graph has not.

    Examples
    --------
    >>> from nbbilinear.kg.data import load
    >>> graph = load("nations")
    >>> first, second = (Training(Rescal(14, 55, dim=8, rng=0), graph, Settings(epochs=2)) for _ in range(2))
    >>> _ = next(first.epochs())
    >>> second.load_state(first.state())
    >>> [report.epoch for report in second.epochs()]
    [2]
    """

    def __init__(self, model: Rescal, graph: KnowledgeGraph, settings: Settings | None = None) -> None:
        settings = checked(settings or Settings())
        sizes = (len(graph.entities), 2 * len(graph.relations))
        if (len(model.entities.data), len(model.relations.data)) != sizes:
            raise ShapeError(f"{graph.name} needs a model of {sizes[0]} entities and {sizes[1] // 2} relations")
        for part in ("train", "valid", "test"):
            triples(f"{part} triples", getattr(graph, part), sizes[0], sizes[1] // 2)
        self.model, self.graph, self.settings = model, graph, settings
        self.asked = questions(with_inverses(graph.train, len(graph.relations)))
        self.reports: list[EpochReport] = []
        self._rng = np.random.default_rng(settings.seed)
        self._optimizer = Adam(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)

    def epochs(self, watch: Watch = lambda _stage, _done, _total: None) -> Iterator[EpochReport]:
        """Train one epoch for each report taken, up to the last of the settings.

        An epoch that is interrupted, by Ctrl-C or an error, is undone: all is as after the epoch before.

        Parameters
        ----------
        watch : callable, optional
            ``watch(stage, done, total)`` is called after each batch, with questions.

        Yields
        ------
        EpochReport
        """
        while len(self.reports) < self.settings.epochs:
            before = self.state()
            try:
                report = self._epoch(len(before.reports) + 1, watch)
            except BaseException:
                self.load_state(before)
                raise
            finally:
                self.model.zero_grad()
            self.reports.append(report)
            yield report

    def state(self) -> State:
        """Return a copy of all that the following epochs depend on, and the reports."""
        parts = {"model": self.model.state_dict(), "optimizer": self._optimizer.state_dict()}
        arrays = {f"{part}.{name}": array for part, found in parts.items() for name, array in found.items()}
        return State(arrays, self._rng.bit_generator.state, list(self.reports))

    def load_state(self, state: State) -> None:
        """Go to where another training of the same sizes, graph and settings stood.

        Raises
        ------
        CheckpointError
            The state does not fit; nothing was changed.
        """
        parts: dict[str, dict[str, Array]] = {"model": {}, "optimizer": {}}
        for name, array in state.arrays.items():
            part, _, own = name.partition(".")
            parts.setdefault(part, {})[own] = array
        generator = type(self._rng.bit_generator)()
        try:
            generator.state = state.generator
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise CheckpointError(f"the state has no generator of this kind ({error}); nothing was loaded") from error
        before = self.model.state_dict()
        self.model.load_state_dict(parts["model"])
        try:
            self._optimizer.load_state_dict(parts["optimizer"])
        except BaseException:
            self.model.load_state_dict(before)
            raise
        self._rng = np.random.Generator(generator)
        self.reports = list(state.reports)

    def _epoch(self, epoch: int, watch: Watch) -> EpochReport:
        settings, asked, loss, done, begin = self.settings, self.asked, 0.0, 0, perf_counter()
        self._optimizer.lr = settings.learning_rate * (1 - (epoch - 1) / settings.epochs)
        for rows in batches(asked, settings.batch, self._rng):
            loss += gradient(self.model, asked, rows, settings.smoothing) * len(rows)
            touched = np.unique(asked.relations[rows])
            self._optimizer.step(touched={self.model.relations: touched})
            self.model.clear(touched)
            watch("training", done := done + len(rows), len(asked.heads))
        speed = len(self.graph.train) / (perf_counter() - begin)
        due = epoch % settings.evaluate_every == 0 or epoch in (1, settings.epochs)
        return EpochReport(epoch, loss / len(asked.heads), speed, self._validate(watch) if due else None)

    def _validate(self, watch: Watch) -> Metrics:
        score = watched(self.model.scores, "validation", len(self.graph.valid), watch)
        return evaluate(score, self.graph, self.graph.valid).both


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
    about ``6·Q·d·(d + N)`` flop for Q questions. Temporaries have a batch's size; a copy of the model and of the
    optimiser's state is kept.
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
    return Training(model, graph, settings).epochs()
