"""A stack of head layers and dense layers."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np

from ..errors import ConfigError
from ..layers import Layer, Linear, ReLU
from ..scalars import random_generator
from .head import HeadGrads
from .layer import BilinearInterdependenceLayer

Array = Any
DEFAULTS: dict[str, tuple[Any, tuple[str, ...]]] = {  # unless one of these is given in its place
    "with_lorr_interdependence": (True, ("interdependence", "with_dual_lphm_interdependence")),
    "enable_bias": (True, ()),
    "with_residual": (True, ("remainder",)),
    "with_batch_norm": (True, ()),
    "with_dropout": (True, ()),
    "with_softmax": (False, ()),
    "scale": ("divide", ()),
}


class Transformer(Layer):
    """Head layers and dense layers in turn: rows attend to one another, then each goes its way.

    Parameters
    ----------
    dims : sequence of int
        Features, then the outputs of each dense layer; the last are the scores.
    fc_dims : sequence of int, optional
        Outputs of each head layer, which its dense layer takes; ``dims[1:]`` unless given.
    width : int, optional
        Heads in each head layer.
    rng : int or numpy.random.Generator, optional
    **options
        Of the heads (:class:`BilinearInterdependenceHead`). Unless given: low-rank interdependence, bias, residual,
        batch norm, ReLU, dropout 0.25, no softmax, and scores divided by sqrt(n).

    Attributes
    ----------
    blocks : list of Layer
        A head layer, a dense layer and a ReLU in turn; none after the last dense layer.

    Raises
    ------
    ConfigError
        There are less than two ``dims``, or not as many ``fc_dims`` as pairs of them; and as the heads, whose errors
        these are too.

    Notes
    -----
    With ``context`` those rows go through the stack themselves, attending to one another, and in each layer the batch
    attends to what they have become: a result then depends on its own row and the context alone.
    Source: ``transformer`` of tinyBIG 0.2.1, which ends every head in a softmax.

    Examples
    --------
    >>> model = Transformer([8, 6, 3], rng=0)
    >>> x = np.random.default_rng(0).normal(size=(5, 8))
    >>> scores = model(x)
    >>> scores.shape, model.backward(np.ones_like(scores)).shape
    ((5, 3), (5, 8))
    >>> alone = model.eval()(x[:1], context=x)
    >>> bool(np.allclose(alone, model(x)[:1], rtol=1e-4, atol=1e-6))
    True
    """

    def __init__(
        self, dims: Sequence[int], fc_dims: Sequence[int] | None = None, width: int = 1, *,
        rng: int | np.random.Generator | None = None, **options: Any,
    ) -> None:  # fmt: skip
        between = list(dims[1:] if fc_dims is None else fc_dims)
        if len(dims) < 2 or len(between) != len(dims) - 1:
            must = "dims must be two sizes or more, and fc_dims one less"
            raise ConfigError(f"Transformer: {must}; got dims={list(dims)}, fc_dims={fc_dims}")
        self.dims, self.fc_dims, generator = list(dims), between, random_generator(rng)
        given = {
            name: value for name, (value, others) in DEFAULTS.items() if options.keys().isdisjoint(others)
        } | options
        self.blocks: list[Layer] = []
        for (m, n), inner in zip(pairwise(dims), between, strict=True):
            head = BilinearInterdependenceLayer(m, inner, width, rng=generator, **given)
            dense = Linear(inner, n, device=given.get("device"), dtype=head.heads[0].dtype, rng=generator)
            self.blocks += [head, dense, ReLU()]
        self.blocks.pop()

    def __call__(self, x: Array, *, context: Array | None = None, mask: Array | None = None) -> Array:
        """Return the scores of a batch; see :meth:`InterdependenceHead.__call__`. The mask is of (rows,)."""
        y, pullback = self.vjp(x, context=context, mask=mask)
        self._keep(pullback)
        return y

    def vjp(
        self, x: Array, *, context: Array | None = None, mask: Array | None = None
    ) -> tuple[Array, Callable[[Array], HeadGrads]]:
        """Return the scores and a function that pulls gradients back; see :meth:`InterdependenceHead.vjp`."""
        pulls, beside, c = [], [], context
        for layer in self.blocks:
            attends = isinstance(layer, BilinearInterdependenceLayer)
            options = {"mask": mask} if attends else {}
            x, pull = layer.vjp(x, **options, **({"context": c} if attends else {}))
            pulls.append(pull)
            if c is not None:
                c, pull = layer.vjp(c, **options)
                beside.append(pull)

        def pullback(grad_output: Array) -> HeadGrads:
            g, above = grad_output, None
            found: dict[str, Array] = {}
            for place in range(len(pulls) - 1, -1, -1):
                one = pulls[place](g)
                g = one.x
                streams = [one] if above is None else [one, beside[place](above)]
                above = None if above is None else streams[1].x
                if isinstance(one, HeadGrads) and one.context is not None:
                    above = one.context if above is None else above + one.context
                for stream in streams:
                    for name, grad in stream.parameters.items():
                        key = f"blocks.{place}.{name}"
                        found[key] = found[key] + grad if key in found else grad
            return HeadGrads(g, found, above)

        return x, pullback

    def to_config(self) -> dict[str, Any]:
        """Return the arguments that make a stack like this, all of JSON's types; without parameters."""
        head = self.blocks[0]
        options = {name: value for name, value in head.to_config().items() if name not in ("m", "n")}  # type: ignore[attr-defined]
        return {"dims": self.dims, "fc_dims": self.fc_dims, **options}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], **others: Any) -> Self:
        """Return a stack by a config, and by further arguments such as ``rng``."""
        return cls(**{**config, **others})

    def __repr__(self) -> str:
        lines = "\n".join(f"  ({place}): {layer!r}" for place, layer in enumerate(self.blocks))
        return f"{type(self).__name__}(\n{lines}\n)"
