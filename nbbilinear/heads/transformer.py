"""A stack of head layers and dense layers."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import ConfigError
from ..layers import Buffer, Layer, Linear, ReLU
from ..scalars import random_generator, whole
from .attending import Attending, HeadGrads, Pullback
from .layer import BilinearInterdependenceLayer, refuse_shared_outputs
from .operands import Operands, operands_of

Array = Any
DEFAULTS: dict[str, tuple[Any, tuple[str, ...]]] = {  # unless one of these is given in its place
    "with_lorr_interdependence": (True, ("interdependence", "with_dual_lphm_interdependence")),
    "enable_bias": (True, ()),
    "with_residual": (True, ("remainder",)),
    "with_batch_norm": (True, ("outputs",)),
    "with_dropout": (True, ("outputs",)),
    "with_softmax": (False, ()),
    "scale": ("divide", ()),
}


class Transformer(Attending):
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
    attends to what they have become: after ``eval()`` a result depends on its own row and the context alone. In
    training mode batch norm sees the batch, then the context. Rows of zeros, and those of a (rows,) mask, take no part
    in any layer; batch norm counts them in training mode.
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

    several = True

    def __init__(
        self, dims: Sequence[int], fc_dims: Sequence[int] | None = None, width: int = 1, *,
        rng: int | np.random.Generator | None = None, **options: Any,
    ) -> None:  # fmt: skip
        try:
            sizes = [whole("Transformer: a size", one) for one in dims]
            between = sizes[1:] if fc_dims is None else [whole("Transformer: a size", one) for one in fc_dims]
        except TypeError:
            sizes, between = [], []
        if len(sizes) < 2 or len(between) != len(sizes) - 1:
            must = "dims must be two sizes or more, and fc_dims one less"
            raise ConfigError(f"Transformer: {must}; got dims={dims!r}, fc_dims={fc_dims!r}")
        if len(sizes) > 2:
            refuse_shared_outputs("Transformer", options)
        self.m, self.dims, self.fc_dims, self._rng = sizes[0], sizes, between, random_generator(rng)
        given = {
            name: value for name, (value, others) in DEFAULTS.items() if options.keys().isdisjoint(others)
        } | options
        self.blocks: list[Layer] = []
        for (m, n), inner in zip(pairwise(sizes), between, strict=True):
            head = BilinearInterdependenceLayer(m, inner, width, rng=self._rng, **given)
            dense = Linear(inner, n, device=given.get("device"), dtype=head.heads[0].dtype, rng=self._rng)
            self.blocks += [head, dense, ReLU()]
        self.blocks.pop()

    @property
    def example(self) -> Array:
        """An array of the parameters' dtype, where they are."""
        return self._layers()[0].example

    @property
    def row_count(self) -> int | None:
        """How many rows are attended to, where that is fixed."""
        return self._layers()[0].row_count

    def buffers(self) -> list[Buffer]:  # noqa: D102 - Attending's
        return [buffer for layer in self._layers() for buffer in layer.buffers()]

    def __call__(self, x: Array, *, context: Array | None = None, mask: Array | None = None) -> Array:
        """Return the scores of a batch; see :meth:`Attending.__call__`. A mask is of (rows,)."""
        if self.training:
            return super().__call__(x, context=context, mask=mask)
        given = operands_of(self, x, context, mask)
        y = given.queries
        for y, _, _ in self._walk(given):  # two layers' results at a time  # noqa: B007
            pass
        self.release()
        return y.astype(given.dtype, copy=False)

    def attend(self, given: Operands) -> tuple[Array, Pullback]:  # noqa: D102 - Attending's
        steps = [*self._walk(given)]
        y, pulls = steps[-1][0], [step[1:] for step in steps]

        def pullback(g: Array) -> HeadGrads:
            found: dict[str, Array] = {}
            above = None  # the gradient of what the context became, from every layer it is in
            for place in range(len(pulls) - 1, -1, -1):
                pull, pull_context = pulls[place]
                streams = [pull(g)]
                if above is not None:
                    streams.append(pull_context(above))
                g, above = streams[0].x, streams[1].x if len(streams) == 2 else None
                if getattr(streams[0], "context", None) is not None:
                    above = streams[0].context if above is None else above + streams[0].context
                for name, grad in (pair for stream in streams for pair in stream.parameters.items()):
                    key = f"blocks.{place}.{name}"
                    found[key] = found[key] + grad if key in found else grad
            return HeadGrads(g, found, above)

        return y, pullback

    def initialize_parameters(self, rng: int | np.random.Generator | None = None) -> None:
        """Draw all parameters anew; batch norm is left alone."""
        generator = self._rng if rng is None else random_generator(rng)
        for layer in self.blocks:
            if isinstance(layer, BilinearInterdependenceLayer):
                layer.initialize_parameters(generator)
            elif isinstance(layer, Linear):
                drawn = Linear(layer.in_features, layer.out_features, dtype=layer.weight.dtype, rng=generator)
                layer.load_state_dict(drawn.state_dict())

    def _walk(self, given: Operands) -> Iterator[tuple[Array, Any, Any]]:
        """The result of each layer, its pullback, and that of the context, which goes beside."""
        rows, mask = given.rows, given.mask
        if self._layers()[0].heads[0].attention.zeros == "rows":  # padding in every layer, not in the first alone
            there = (rows != 0).any(axis=1)
            mask = mask if there.all() else there if mask is None else mask & there
        x, c = given.queries, rows if given.apart else None
        beside: Any
        for layer in self.blocks:
            if isinstance(layer, BilinearInterdependenceLayer):
                shown = _shown(x if c is None else c, mask)
                here = given._replace(queries=x, rows=shown, mask=mask)
                x, pull = layer.attend(here)
                c, beside = (None, None) if c is None else layer.attend(here._replace(queries=c, apart=False))
                yield x, pull, beside
            else:
                x, straight = layer.vjp(x)
                c, beside = (None, None) if c is None else layer.vjp(c)
                yield x, straight, beside

    def _layers(self) -> list[BilinearInterdependenceLayer]:
        return [layer for layer in self.blocks if isinstance(layer, BilinearInterdependenceLayer)]

    def to_config(self) -> dict[str, Any]:
        """Return the arguments that make a stack like this, all of JSON's types; without parameters."""
        head = self._layers()[0]
        options = {name: value for name, value in head.to_config().items() if name not in ("m", "n")}
        return {"dims": self.dims, "fc_dims": self.fc_dims, **options}

    def __repr__(self) -> str:
        lines = "\n".join(f"  ({place}): {layer!r}" for place, layer in enumerate(self.blocks))
        return f"{type(self).__name__}(\n{lines}\n)"


def _shown(rows: Array, mask: Array | None) -> Array:
    """The rows, zeros where they are masked."""
    return rows if mask is None else np.where(mask[:, None], rows, rows.dtype.type(0))
