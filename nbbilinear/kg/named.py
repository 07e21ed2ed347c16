"""A trained model with the names of what it knows."""

from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from ..errors import CheckpointError, ConfigError
from ..scalars import whole
from . import checkpoint
from .rescal import ARRAYS, NAMES, Rescal

Array = Any


class NamedRescal(NamedTuple):
    """A model, and the names of its entities and relations: questions and answers in words.

    Attributes
    ----------
    model : Rescal
    entities, relations : (N,) and (R,) arrays of str

    Examples
    --------
    >>> model = NamedRescal(Rescal(3, 1, dim=2, rng=0), np.array(["ann", "bob", "eve"]), np.array(["knows"]))
    >>> [name for name, score in model.tails("ann", "knows")]
    ['bob', 'ann', 'eve']
    """

    model: Rescal
    entities: Array
    relations: Array

    def tails(self, head: str, relation: str, most: int = 10) -> list[tuple[str, float]]:
        """The likeliest answers to "head, relation, ?", each with its score, the greatest first.

        Raises
        ------
        ConfigError
            There is no entity or relation of this name, or ``most`` is no count.
        """
        return self._answers(head, _place(self.relations, relation, "relation"), most)

    def heads(self, relation: str, tail: str, most: int = 10) -> list[tuple[str, float]]:
        """The likeliest answers to "?, relation, tail", as :meth:`tails`."""
        return self._answers(tail, _place(self.relations, relation, "relation") + len(self.relations), most)

    def save(self, path: str | Path) -> None:
        """Write model and names to an npz file, whole or not at all.

        Raises
        ------
        ConfigError
            There are not as many names as entities or relations, or a name has a line end.
        OSError
            It cannot be written. After an error an old file is as it was.
        """
        model, arrays = self.model, self.model.arrays()
        if (len(self.entities), 2 * len(self.relations)) != (len(model.entities.data), len(model.relations.data)):
            raise ConfigError(
                f"a model of {len(model.entities.data)} entities and {len(model.relations.data) // 2} relations cannot "
                f"be saved with {len(self.entities)} and {len(self.relations)} names"
            )
        checkpoint.write(
            path, arrays | {name: _bytes(getattr(self, part)) for part, name in zip(ARRAYS, NAMES, strict=True)}
        )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises
        ------
        CheckpointError
            The file is damaged, or holds no model with names.
        OSError
            There is no such file, or it cannot be read.
        """
        stored = checkpoint.read(path, ARRAYS + NAMES)
        model = Rescal.of(stored["entities"], stored["relations"], path)
        entities, relations = (_texts(stored[name], path) for name in NAMES)
        if (len(entities), 2 * len(relations)) != (len(model.entities.data), len(model.relations.data)):
            raise CheckpointError(f"{path}: {len(entities)} and {len(relations)} names do not fit the model")
        return cls(model, entities, relations)

    def _answers(self, entity: str, relation: int, most: int) -> list[tuple[str, float]]:
        most = whole("most", most, least=0)
        scores = self.model.scores([_place(self.entities, entity, "entity")], [relation])[0]
        best = np.argsort(-scores, kind="stable")[:most]
        return [(str(self.entities[i]), float(scores[i])) for i in best]


def _place(names: Array, name: str, kind: str) -> int:
    found = np.flatnonzero(names == name)
    if not len(found):
        raise ConfigError(f"the model has no {kind} {name!r}")
    return int(found[0])


def _bytes(names: Array) -> Array:
    """Names as UTF-8, one in a line: of a fixed width the longest would widen all. ConfigError where one cannot be."""
    texts = [str(name) for name in names]
    if wrong := [text for text in texts if "\n" in text]:
        raise ConfigError(f"names with a line end cannot be saved: {wrong[0]!r}")
    try:
        return np.frombuffer("\n".join(texts).encode("utf-8"), np.uint8)
    except UnicodeEncodeError as error:
        raise ConfigError(f"a name cannot be saved as UTF-8: {error}") from error


def _texts(stored: Array, path: str | Path) -> Array:
    if stored.dtype != np.uint8 or stored.ndim != 1:
        raise CheckpointError(f"{path}: names must be bytes, found {stored.dtype} {stored.shape}")
    try:
        return np.array(stored.tobytes().decode("utf-8").split("\n"), np.dtypes.StringDType())
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path}: names are not UTF-8 ({error})") from error
