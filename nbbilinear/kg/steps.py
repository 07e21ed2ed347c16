"""What an epoch of training is made of: batches of one relation, the gradient of one, and scores that are counted."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..losses import cross_entropy
from .data import Questions
from .rescal import Rescal

Array = Any
Watch = Callable[[str, int, int], None]


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


def watched(score: Callable[[Array, Array], Array], stage: str, triples: int, watch: Watch) -> Callable[..., Array]:
    """Return ``score``, with ``watch(stage, done, total)`` called as the questions of ``triples`` are scored."""
    done = 0

    def counted(heads: Array, relations: Array) -> Array:
        nonlocal done
        found = score(heads, relations)
        watch(stage, done := done + len(heads), 2 * triples)
        return found

    return counted
