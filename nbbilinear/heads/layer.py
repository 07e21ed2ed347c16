"""Heads side by side, and the matrix that makes one result of theirs."""

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np

from ..layers import Layer, Parameter
from ..layers.layer import gradient_of
from ..scalars import random_generator, whole
from .fusion import concatenated
from .head import HeadGrads
from .initial import METHODS
from .tinybig import BilinearInterdependenceHead

Array = Any


class BilinearInterdependenceLayer(Layer):
    """Heads side by side and their fusion, ``y = [head 0, head 1, ...] W_f'``.

    Parameters
    ----------
    m, n : int
        Features and outputs, of the layer and of each head.
    width : int, optional
        The number of heads.
    shared : bool, optional
        All are the same head, as in tinyBIG: computed once, so that a width adds but fusion parameters. False gives
        each its own parameters.
    rng : int or numpy.random.Generator, optional
    **options
        Of :class:`BilinearInterdependenceHead`.

    Attributes
    ----------
    heads : list of BilinearInterdependenceHead
    w_head_fusion : Parameter, (1, width * n * n)
        W_f (n, width * n), read row by row.

    Raises
    ------
    ConfigError, ShapeError, DTypeError, BackendError
        As the head; ``width`` is no whole number >= 1.

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
        self.shared = bool(shared)
        self.heads = [first]
        for _ in range(count - 1):
            self.heads.append(first if shared else BilinearInterdependenceHead(m, n, rng=generator, **options))
        size = count * first.n**2
        values = METHODS["xavier_uniform"](generator, (1, size), size, 1)
        self.w_head_fusion = Parameter(values.astype(first.dtype, copy=False), "w_head_fusion")
        self.to(options.get("device"))

    def __call__(self, x: Array, *, context: Array | None = None, mask: Array | None = None) -> Array:
        """Return the result of a batch; see :meth:`InterdependenceHead.__call__`."""
        y, pullback = self.vjp(x, context=context, mask=mask)
        self._keep(pullback)
        return y

    def vjp(
        self, x: Array, *, context: Array | None = None, mask: Array | None = None
    ) -> tuple[Array, Callable[[Array], HeadGrads]]:
        """Return the result and a function that pulls gradients back; see :meth:`InterdependenceHead.vjp`."""
        distinct = self.heads[:1] if self.shared else self.heads
        count, n = len(self.heads), self.heads[0].n
        results = [head.vjp(x, context=context, mask=mask) for head in distinct]
        # One result that comes several times meets the sum of its columns.
        repeats = count // len(distinct)
        stacked = self.w_head_fusion.data.reshape(n, repeats, len(distinct) * n)
        y, pull_fused = concatenated([y for y, _ in results], stacked.sum(axis=1))

        def pullback(grad_output: Array) -> HeadGrads:
            parts, dw = pull_fused(gradient_of(type(self).__name__, grad_output, y.shape, y))
            pulled = [pull(part) for (_, pull), part in zip(results, parts, strict=True)]
            found: dict[str, Array] = {}
            for place, one in enumerate(pulled):
                found |= {f"heads.{place}.{name}": grad for name, grad in one.parameters.items()}
            found["w_head_fusion"] = np.tile(dw.reshape(n, 1, -1), (1, repeats, 1)).reshape(1, -1)
            dcontext: Any = None if context is None else sum(np.asarray(one.context) for one in pulled)
            return HeadGrads(sum(one.x for one in pulled), found, dcontext)

        return y, pullback

    def to_config(self) -> dict[str, Any]:
        """Return the arguments that make a layer like this, all of JSON's types; without parameters."""
        return {"width": len(self.heads), "shared": self.shared, **self.heads[0].to_config()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], **others: Any) -> Self:
        """Return a layer by a config, and by further arguments such as ``rng``."""
        return cls(**{**config, **others})

    def __repr__(self) -> str:
        return f"{type(self).__name__}(width={len(self.heads)}, shared={self.shared}, {self.heads[0]!r})"
