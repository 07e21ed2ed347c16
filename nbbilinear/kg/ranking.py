"""Link prediction judged as the literature does: filtered ranks, realistic ties, both sides of a triple."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .codes import codes
from .codes import triples as checked
from .data import KnowledgeGraph, questions, with_inverses

Array = Any
_CELLS = 1 << 26  # scores at a time


class Metrics(NamedTuple):
    """Mean reciprocal rank, and the share of ranks that are at most 1, 3 and 10."""

    mrr: float
    hits1: float
    hits3: float
    hits10: float

    @classmethod
    def of(cls, ranks: Array) -> "Metrics":
        """Summarise ranks (Q,).

        >>> Metrics.of(np.array([1.0, 2.0, 4.0, 4.0]))
        Metrics(mrr=0.5, hits1=0.25, hits3=0.5, hits10=1.0)
        """
        return cls(float(np.mean(1 / ranks)), *(float(np.mean(ranks <= k)) for k in (1, 3, 10)))


class Evaluation(NamedTuple):
    """Metrics of the questions that hide the head, that hide the tail, and of both together."""

    head: Metrics
    tail: Metrics
    both: Metrics


def filtered_ranks(scores: Array, truth: Array, known: Array) -> Array:
    """Rank of each true answer among the entities not known to be another true answer.

    Parameters
    ----------
    scores : (B, N) float array
        Greater is likelier. A NaN ranks before everything: a model that has diverged must not look good.
    truth : (B,) int array
        The entity whose rank is asked.
    known : (B, N) bool array
        Every true answer, from all parts of the graph; they are left out of the comparison.

    Returns
    -------
    (B,) float64 array
        ``1 + greater + equal / 2``: the mean of the best and the worst rank that ties allow ("realistic").

    Notes
    -----
    Source: Bordes et al. 2013 ("filtered"); Berrendorf et al. 2020 ("realistic").

    Examples
    --------
    >>> scores = np.array([[0.9, 0.5, 0.5, 0.7]])
    >>> filtered_ranks(scores, np.array([1]), np.array([[True, True, False, False]]))
    array([2.5])
    """
    truth = codes("truth", truth, scores.shape[1])
    own = scores[np.arange(len(truth)), truth][:, None]
    rivals = ~known
    rivals[np.arange(len(truth)), truth] = False
    greater = rivals & ~(scores <= own)  # not ">", which lets a NaN lose
    equal = rivals & (scores == own)
    return 1 + greater.sum(axis=1) + equal.sum(axis=1) / 2


def ranks(score: Callable[[Array, Array], Array], graph: KnowledgeGraph, triples: Array) -> tuple[Array, Array]:
    """Filtered ranks of the heads and of the tails of ``triples``.

    Parameters
    ----------
    score : callable
        ``score(heads, relations) -> (B, N)``, both (B,); relation ``r + R`` asks ``r`` backwards, tail to head.
    graph : KnowledgeGraph
        Its three parts, and ``triples``, are the filter.
    triples : (T, 3) int array
        Of the graph's entities and relations.

    Returns
    -------
    head, tail : (T,) float64 arrays

    Raises
    ------
    IndexError
        A triple has an entity or relation that the graph has not.

    Notes
    -----
    Questions are asked sorted by relation, 1024 at a time, fewer of a graph of more than 65,536 entities: temporaries
    are at most 2²⁶ scores, and four marks for each.
    """
    entities, relations = len(graph.entities), len(graph.relations)
    triples = checked("triples", triples, entities, relations)
    everything = questions(with_inverses(np.concatenate([graph.train, graph.valid, graph.test, triples]), relations))
    asked = with_inverses(triples, relations)
    order = np.argsort(asked[:, 1], kind="stable")
    found = np.empty(len(asked))
    size = max(1, min(1024, _CELLS // entities))
    for begin in range(0, len(order), size):
        rows = order[begin : begin + size]
        heads, relation, tails = asked[rows].T
        known = everything.answers(everything.find(heads, relation), entities)
        found[rows] = filtered_ranks(score(heads, relation), tails, known)
    return found[len(triples) :], found[: len(triples)]


def evaluate(score: Callable[[Array, Array], Array], graph: KnowledgeGraph, triples: Array) -> Evaluation:
    """Metrics of :func:`ranks`, with the same parameters.

    Examples
    --------
    A model that prefers nothing ranks in the middle:

    >>> from nbbilinear.kg.data import load
    >>> nations = load("nations")
    >>> evaluate(lambda heads, relations: np.zeros((len(heads), 14)), nations, nations.test).both.hits1
    0.0
    """
    head, tail = ranks(score, graph, triples)
    return Evaluation(Metrics.of(head), Metrics.of(tail), Metrics.of(np.concatenate([head, tail])))
