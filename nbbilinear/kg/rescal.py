"""RESCAL: a fact is as likely as the bilinear product of its two entities under its relation's matrix."""

from pathlib import Path
from typing import Any, Self

import numpy as np

from ..errors import CheckpointError, ConfigError, ShapeError
from ..functional import bilinear, bilinear_backward
from ..layers import Module, Parameter
from ..layers.arguments import parameter_dtype
from ..scalars import random_generator, whole
from . import checkpoint
from .codes import codes

Array = Any
ARRAYS, NAMES = ("entities", "relations"), ("entity_names", "relation_names")  # in a file


class Rescal(Module):
    """Score of "head, relation, tail": ``E[h]' W[r] E[t]``, one head against all tails at a time.

    Relation ``r + relations`` asks ``r`` backwards, from tail to head, with a matrix of its own; so both sides of a
    triple are predicted by the same product.

    Parameters
    ----------
    entities, relations : int
        How many the graph has.
    dim : int
        Length of an entity's vector.
    rng : int or numpy.random.Generator, optional
        Of the initial values: normal; vectors with the variance of Glorot and Bengio 2010, matrices with 1/d, which
        keeps a vector's length.
    dtype : dtype

    Attributes
    ----------
    entities : Parameter, (N, d)
    relations : Parameter, (2R, d, d)

    Notes
    -----
    Scores of B questions cost ``2·B·d² + 2·B·N·d`` flop, their gradient twice that.
    Source: Nickel, Tresp, Kriegel 2011; inverse relations and one-against-all as Lacroix et al. 2018.

    Examples
    --------
    >>> model = Rescal(entities=5, relations=2, dim=3, rng=0)
    >>> model.scores([0, 4], [1, 3]).shape
    (2, 5)
    """

    def __init__(
        self, entities: int, relations: int, dim: int = 100, *, rng: Any = None, dtype: Any = np.float32
    ) -> None:
        entities, relations = whole("Rescal: entities", entities, 1), whole("Rescal: relations", relations, 1)
        dim, dtype = whole("Rescal: dim", dim, 1), parameter_dtype(dtype)
        super().__init__()
        normal = random_generator(rng).normal
        vectors = normal(0, np.sqrt(2 / (entities + dim)), (entities, dim))
        matrices = normal(0, np.sqrt(1 / dim), (2 * relations, dim, dim))
        self.entities = Parameter(vectors.astype(dtype))
        self.relations = Parameter(matrices.astype(dtype))

    def scores(self, heads: Array, relations: Array) -> Array:
        """Score every entity as the tail of some heads and relations.

        Parameters
        ----------
        heads, relations : (B,) int arrays

        Returns
        -------
        (B, N) array
            Greater is likelier; in the parameters' dtype.

        Raises
        ------
        IndexError
            There is no such entity or relation; a negative number is none.
        ShapeError, DTypeError
            There are not as many relations as heads, or numbers are not integers.
        """
        heads, relations = self._asked(heads, relations)
        vectors = self.entities.data
        return bilinear(vectors[heads][:, None], vectors[None], self.relations.data, index=relations[:, None])

    def _asked(self, heads: Array, relations: Array) -> tuple[Array, Array]:
        heads = codes("heads", heads, len(self.entities.data))
        relations = codes("relations", relations, len(self.relations.data))
        if len(heads) != len(relations):
            raise ShapeError(
                f"a relation is needed for each head, got {len(heads)} heads and {len(relations)} relations"
            )
        return heads, relations

    def backward(self, grad_scores: Array, heads: Array, relations: Array) -> None:
        """Add to the parameters' ``grad`` what a gradient of :meth:`scores` means for them.

        Only the matrices of ``relations`` are read and their gradients written: the others cost nothing.

        Parameters
        ----------
        grad_scores : (B, N) array
        heads, relations : (B,) int arrays
            As for the scores; entities and relations may come repeatedly.

        Raises
        ------
        IndexError
            There is no such entity or relation.
        """
        (heads, relations), vectors = self._asked(heads, relations), self.entities.data
        touched, place = np.unique(relations, return_inverse=True)
        grads: Any = bilinear_backward(
            grad_scores,
            vectors[heads][:, None],
            vectors[None],
            self.relations.data[touched],
            index=place[:, None],
            wrt=("x1", "x2", "weight"),
        )
        for_entities, for_relations = _grad(self.entities), _grad(self.relations)
        for_entities += grads.x2[0]
        order = np.argsort(heads, kind="stable")  # np.add.at on rows took four times as long
        rows, first = np.unique(heads[order], return_index=True)
        for_entities[rows] += np.add.reduceat(grads.x1[order, 0], first, axis=0)
        for_relations[touched] += grads.weight

    def clear(self, relations: Array) -> None:
        """Set gradients to zero, of the matrices of ``relations`` only, and keep their memory.

        For training in small steps: ``zero_grad`` would have all matrices cleared at each.
        """
        relations = codes("relations", relations, len(self.relations.data))
        _grad(self.entities)[...] = 0
        _grad(self.relations)[relations] = 0

    def save(self, path: str | Path) -> None:
        """Write both parameters to an npz file, whole or not at all; OSError leaves an old file as it was."""
        checkpoint.write(path, self.arrays())

    def arrays(self) -> dict[str, Array]:
        """Both parameters' data under their names in a file; ConfigError where :meth:`load` would refuse them."""
        found = dict(zip(ARRAYS, (self.entities.data, self.relations.data), strict=True))
        if fault := _fault(*found.values()):
            raise ConfigError(f"this model cannot be saved: {fault}")
        return found

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model that :meth:`save` wrote, or :meth:`NamedRescal.save`; names are left unread.

        Raises
        ------
        CheckpointError
            The file is damaged, or its arrays are no RESCAL model.
        OSError
            There is no such file, or it cannot be read.
        """
        stored = checkpoint.read(path, ARRAYS, NAMES)
        return cls.of(stored["entities"], stored["relations"], path)

    @classmethod
    def of(cls, vectors: Array, matrices: Array, path: str | Path) -> Self:
        """Make a model of arrays read from ``path``; CheckpointError where they are none."""
        if fault := _fault(vectors, matrices):
            raise CheckpointError(f"{path}: {fault}")
        count, dim = vectors.shape
        model = cls(count, len(matrices) // 2, dim, rng=0, dtype=vectors.dtype)
        model.entities.data[...], model.relations.data[...] = vectors, matrices
        return model


def _fault(vectors: Array, matrices: Array) -> str | None:
    """Why these are not the parameters of a model; None where they are."""
    count, dim = vectors.shape if vectors.ndim == 2 else (0, 0)
    if not count or not dim or matrices.shape[1:] != (dim, dim) or len(matrices) % 2 or not len(matrices):
        sizes = f"entities {vectors.shape}, relations {matrices.shape}"
        return f"expected entities (N, d) and relations (2R, d, d), found {sizes}"
    if vectors.dtype != matrices.dtype or vectors.dtype not in (np.float32, np.float64):
        return f"expected float32 or float64, both the same, found {vectors.dtype} and {matrices.dtype}"
    return None


def _grad(parameter: Parameter) -> Array:
    if parameter.grad is None:
        parameter.grad = np.zeros_like(parameter.data)
    return parameter.grad
