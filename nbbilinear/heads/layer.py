"""Heads side by side, and the matrix that makes one result of theirs."""

from typing import Any

import numpy as np

from ..devices import placed
from ..errors import ConfigError
from ..layers import Buffer, Layer, Parameter
from ..scalars import flag, random_generator, whole
from .attending import Attending, HeadGrads, Pullback
from .fusion import concatenated
from .initial import METHODS
from .operands import Operands
from .tinybig import BilinearInterdependenceHead

Array = Any


class BilinearInterdependenceLayer(Attending):
    """Heads side by side and their fusion, ``y = [head 0, head 1, ...] W_f'``.

    Parameters
    ----------
    m, n : int
        Features and outputs, of the layer and of each head.
    width : int, optional
        The number of heads.
    shared : bool, optional
        All are the same head, as in tinyBIG, so that a width adds but fusion parameters. It is computed once: dropout
        draws once and batch norm moves once, where tinyBIG's does so ``width`` times. False gives each its own
        parameters.
    rng : int or numpy.random.Generator, optional
    **options
        Of :class:`BilinearInterdependenceHead`.

    Attributes
    ----------
    heads : list of BilinearInterdependenceHead
    w_head_fusion : Parameter, (1, width * n * n)
        W_f (n, width * n), read row by row; within ``sqrt(6 / (width * n * n + 1))`` at first, whatever the heads'
        method, as in tinyBIG.

    Raises
    ------
    ConfigError, ShapeError, DTypeError, BackendError
        As the head; ``width`` is no whole number >= 1, or an output layer with parameters would be several heads'.

    Notes
    -----
    Cost: that of the heads, and ``2 b n^2`` flop for each.
    Source: ``bilinear_interdependence_layer`` and ``parameterized_concatenation_fusion`` of tinyBIG 0.2.1, where the
    fusion is there for one head too.

    Examples
    --------
    >>> layer = BilinearInterdependenceLayer(8, 4, width=2, rng=0)
    >>> layer(np.ones((5, 8))).shape, list(layer.state_dict())[::2]
    ((5, 4), ['heads.0.w_instance_interdependence', 'heads.1.w_instance_interdependence', 'w_head_fusion'])
    """

    def __init__(
        self, m: int, n: int, width: int = 1, *, shared: bool = True, rng: int | np.random.Generator | None = None,
        **options: Any,
    ) -> None:  # fmt: skip
        count = whole(f"{type(self).__name__}: width", width, least=1)
        generator = random_generator(rng)
        first = BilinearInterdependenceHead(m, n, rng=generator, **options)
        self.m, self.shared = first.m, flag("shared", shared)
        if count > 1 and not shared:
            refuse_shared_outputs(type(self).__name__, options)
        self.heads = [first]
        for _ in range(count - 1):
            self.heads.append(first if shared else BilinearInterdependenceHead(m, n, rng=generator, **options))
        self.w_head_fusion = Parameter(self._drawn(generator).astype(first.dtype, copy=False), "w_head_fusion")
        self.to(options.get("device"))

    @property
    def example(self) -> Array:
        """An array of the parameters' dtype, where they are."""
        return self.w_head_fusion.data

    @property
    def row_count(self) -> int | None:
        """How many rows are attended to, where that is fixed."""
        return self.heads[0].row_count

    def buffers(self) -> list[Buffer]:  # noqa: D102 - Attending's
        return [buffer for head in self._distinct() for buffer in head.buffers()]

    def attend(self, given: Operands) -> tuple[Array, Pullback]:  # noqa: D102 - Attending's
        distinct, n = self._distinct(), self.heads[0].n
        results = [head.attend(given) for head in distinct]
        # One result that comes several times meets the sum of its columns.
        repeats = len(self.heads) // len(distinct)
        stacked = self.w_head_fusion.data.reshape(n, repeats, len(distinct) * n)
        y, pull_fused = concatenated([y for y, _ in results], stacked.sum(axis=1))

        def pullback(g: Array) -> HeadGrads:
            parts, dw = pull_fused(g)
            pulled = [pull(part) for (_, pull), part in zip(results, parts, strict=True)]
            found: dict[str, Array] = {}
            for place, one in enumerate(pulled):
                found |= {f"heads.{place}.{name}": grad for name, grad in one.parameters.items()}
            found["w_head_fusion"] = np.tile(dw.reshape(n, 1, -1), (1, repeats, 1)).reshape(1, -1)
            contexts = [one.context for one in pulled if one.context is not None]
            return HeadGrads(sum(one.x for one in pulled), found, sum(contexts) if contexts else None)

        return y, pullback

    def initialize_parameters(self, rng: int | np.random.Generator | None = None) -> None:
        """Draw the parameters of all heads anew, and the fusion's."""
        generator = self.heads[0].rng if rng is None else random_generator(rng)
        for head in self._distinct():
            head.initialize_parameters(generator)
        data = self.w_head_fusion.data
        data[...] = placed(self._drawn(generator).astype(data.dtype, copy=False), data)

    def _distinct(self) -> list[BilinearInterdependenceHead]:
        return self.heads[:1] if self.shared else self.heads

    def _drawn(self, rng: np.random.Generator) -> Array:
        size = len(self.heads) * self.heads[0].n ** 2
        return METHODS["xavier_uniform"](rng, (1, size), size, 1)

    def to_config(self) -> dict[str, Any]:
        """Return the arguments that make a layer like this, all of JSON's types; without parameters."""
        return {"width": len(self.heads), "shared": self.shared, **self.heads[0].to_config()}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(width={len(self.heads)}, shared={self.shared}, {self.heads[0]!r})"


def refuse_shared_outputs(owner: str, options: dict[str, Any]) -> None:
    """Refuse output layers with parameters for several heads: gradients of each would have the first one's name."""
    given = options.get("outputs") or ()
    shared = [one for one in given if isinstance(one, Layer) and any(True for _ in one.parameters())]
    if shared:
        raise ConfigError(f"{owner}: {shared[0]!r} would be part of several heads; give outputs by name or config")
