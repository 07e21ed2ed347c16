"""Knowledge graphs: three small real ones, and the questions that triples answer."""

from importlib import resources
from typing import Any, NamedTuple

import numpy as np

from ..errors import ConfigError

Array = Any


class KnowledgeGraph(NamedTuple):
    """Names, and triples that count in them.

    Attributes
    ----------
    name : str
    entities, relations : (N,) and (R,) arrays of str
    train, valid, test : (T, 3) int32 arrays
        One triple per row: head entity, relation, tail entity.
    """

    name: str
    entities: Array
    relations: Array
    train: Array
    valid: Array
    test: Array


class Questions(NamedTuple):
    """Every "head, relation, ?" that some triples answer, with its answers.

    Sorted by relation, then head, so that the questions of one relation lie side by side.

    Attributes
    ----------
    heads, relations : (Q,) int arrays
    offsets : (Q + 1,) int array
        The answers to question ``q`` are ``tails[offsets[q]:offsets[q + 1]]``.
    tails : (T,) int array
    """

    heads: Array
    relations: Array
    offsets: Array
    tails: Array

    def answers(self, positions: Array, entities: int) -> Array:
        """Mark the answers to some questions.

        Parameters
        ----------
        positions : (B,) int array
            Questions, in any order, also repeatedly.
        entities : int
            How many the graph has.

        Returns
        -------
        (B, entities) bool array
        """
        begin = self.offsets[positions]
        count = self.offsets[positions + 1] - begin
        row = np.repeat(np.arange(len(count)), count)
        place = np.arange(len(row)) + np.repeat(begin - (np.cumsum(count) - count), count)
        marked = np.zeros((len(count), entities), bool)
        marked[row, self.tails[place]] = True
        return marked

    def find(self, heads: Array, relations: Array) -> Array:
        """Positions (B,) of the questions with these heads (B,) and relations (B,); all of them must be here."""
        width = np.int64(self.heads.max(initial=0)) + 1
        return np.searchsorted(self.relations * width + self.heads, relations * width + heads)


def names() -> tuple[str, ...]:
    """Names of the graphs in the package.

    >>> names()
    ('kinships', 'nations', 'umls')
    """
    return tuple(sorted(f.name.removesuffix(".npz") for f in _folder().iterdir() if f.name.endswith(".npz")))


def load(name: str) -> KnowledgeGraph:
    """Read one of the graphs in the package; no network, a few milliseconds.

    Parameters
    ----------
    name : str
        ``"kinships"`` (104 entities, 25 relations), ``"nations"`` (14, 55) or ``"umls"`` (135, 46).

    Returns
    -------
    KnowledgeGraph
        In the split that the literature uses.

    Raises
    ------
    ConfigError
        There is no graph of this name.

    Notes
    -----
    Source and licence stand in ``nbbilinear/kg/datasets/README.md``.

    Examples
    --------
    >>> graph = load("kinships")
    >>> graph.train.shape, graph.valid.shape, graph.test.shape
    ((8544, 3), (1068, 3), (1074, 3))
    """
    if name not in names():
        raise ConfigError(f"there is no data set {name!r}; choose {', '.join(names())}")
    with _folder().joinpath(f"{name}.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return KnowledgeGraph(name, *(stored[field] for field in KnowledgeGraph._fields[1:]))


def with_inverses(triples: Array, relations: int) -> Array:
    """Append every triple read backwards, tail to head, under relation ``r + relations``.

    Parameters
    ----------
    triples : (T, 3) int array
    relations : int
        How many the graph has.

    Returns
    -------
    (2T, 3) int array

    Examples
    --------
    >>> with_inverses(np.array([[0, 1, 2]]), relations=5).tolist()
    [[0, 1, 2], [2, 6, 0]]
    """
    heads, middle, tails = triples.T
    return np.concatenate([triples, np.stack([tails, middle + relations, heads], axis=1)])


def questions(triples: Array) -> Questions:
    """Group triples by relation and head; repeated triples count once.

    Parameters
    ----------
    triples : (T, 3) int array

    Returns
    -------
    Questions
        int64 arrays. Cost: one sort.

    Examples
    --------
    >>> asked = questions(np.array([[3, 0, 1], [3, 0, 2], [1, 0, 2]]))
    >>> asked.heads.tolist(), asked.offsets.tolist(), asked.tails.tolist()
    ([1, 3], [0, 1, 3], [2, 1, 2])
    """
    ordered = triples[np.lexsort(triples.T[[2, 0, 1]])].astype(np.int64)  # np.unique(axis=0) took ten times as long
    heads, relations, tails = ordered[changes(ordered)].T
    first = np.flatnonzero(changes(np.stack([heads, relations], axis=1)))
    return Questions(heads[first], relations[first], np.append(first, len(tails)), tails)


def changes(rows: Array) -> Array:
    """Mark the rows that differ from the one before."""
    changed = np.ones(len(rows), bool)
    changed[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    return changed


def _folder() -> Any:
    return resources.files(__package__).joinpath("datasets")
