"""A user's own graph: a folder with train, valid and test triples as text."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import DataError
from .data import KnowledgeGraph, changes
from .lines import Watch, read_lines

Array = Any
PARTS = ("train", "valid", "test")
_ENDS = (".tsv", ".txt")


class Reading(NamedTuple):
    """What was read, and what was left out of it.

    Attributes
    ----------
    graph : KnowledgeGraph
        Names are numbered in the order in which ``train`` has them.
    repeated : dict of part to int
        Triples that had come before in the same file.
    unseen : dict of part to int
        Triples of ``valid`` and ``test`` left out: an entity or the relation is not in ``train``.
    known : dict of part to int
        Triples of ``valid`` and ``test`` that ``train`` has too; these are kept.
    """

    graph: KnowledgeGraph
    repeated: dict[str, int]
    unseen: dict[str, int]
    known: dict[str, int]


def read_folder(folder: str | Path, watch: Watch = lambda _part, _done, _total: None) -> Reading:
    """Read ``train.tsv``, ``valid.tsv`` and ``test.tsv`` (or ``.txt``) of a folder.

    Names are taken as they stand, spaces, quotation marks and numbers included. A triple that comes again in its file
    counts once. Triples of ``valid`` and ``test`` with an entity or relation that ``train`` does not have are left
    out: nothing can be learnt about them.

    Parameters
    ----------
    folder : str or pathlib.Path
    watch : callable, optional
        ``watch(what, done, total)`` is called from time to time.

    Returns
    -------
    Reading

    Raises
    ------
    DataError
        A file is missing, has no triples, or a line is malformed; the message names file, line and column.
    OSError
        A file cannot be read.

    Notes
    -----
    Cost: about 3 µs a line (two million in 6 s) and some 100 bytes a triple, besides every name once.
    """
    place = Path(folder)
    files = {part: _file(place, part) for part in PARTS}
    entities: dict[bytes, int] = {}
    relations: dict[bytes, int] = {}
    triples: dict[str, Array] = {}
    learnt = (0, 0)
    for part, file in files.items():
        triples[part] = read_lines(file, entities, relations, watch)
        learnt = learnt if part != "train" else (len(entities), len(relations))
    kept, unseen = {}, {}
    for done, (part, rows) in enumerate(triples.items()):
        watch("comparing triples", done, len(PARTS) + 2)
        seen = (rows < (learnt[0], learnt[1], learnt[0])).all(axis=1)
        unseen[part], kept[part] = int((~seen).sum()), distinct(rows[seen])
        if not len(kept[part]):
            raise DataError(f"{files[part]}: every triple has an entity or relation that {files['train'].name} has not")
    known = {}
    for done, part in enumerate(PARTS[1:], len(PARTS)):
        watch("comparing triples", done, len(PARTS) + 2)
        both = np.concatenate([kept["train"], kept[part]])
        known[part] = len(both) - len(distinct(both))
    return Reading(
        KnowledgeGraph(place.resolve().name, _names(entities, learnt[0]), _names(relations, learnt[1]), *kept.values()),
        {part: len(rows) - unseen[part] - len(kept[part]) for part, rows in triples.items()},
        {part: unseen[part] for part in PARTS[1:]},
        known,
    )


def distinct(triples: Array) -> Array:
    """Keep the first of equal triples (T, 3), in their order.

    >>> distinct(np.array([[3, 0, 1], [1, 0, 2], [3, 0, 1]])).tolist()
    [[3, 0, 1], [1, 0, 2]]
    """
    order = np.lexsort(triples.T[[2, 0, 1]])  # stable: the first of equal ones comes first
    return triples[np.sort(order[changes(triples[order])])]


def _file(folder: Path, part: str) -> Path:
    if not folder.is_dir():
        raise DataError(f"{folder}: {'a file, not a folder' if folder.exists() else 'there is no such folder'}")
    names = [f"{part}{end}" for end in _ENDS]
    found = [folder / name for name in names if (folder / name).is_file()]
    if len(found) != 1:
        raise DataError(f"{folder}: expected {' or '.join(names)}, found {'both' if found else 'neither'}")
    return found[0]


def _names(known: dict[bytes, int], count: int) -> Array:
    """The first names as text; each takes its own length, so that a long one does not widen all."""
    texts = [name.decode("utf-8") for name in list(known)[:count]]
    return np.array(texts, np.dtypes.StringDType())
