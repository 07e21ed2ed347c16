"""A head of parts: rows of a batch attend to one another by a bilinear form."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..devices import placed
from ..errors import ConfigError, ShapeError, report
from ..layers import BatchNorm, Buffer, Layer, Parameter
from ..layers.arguments import check_device, feature_count, parameter_dtype
from ..scalars import flag, number, random_generator, whole
from .attending import Attending, HeadGrads, Pullback
from .attention import ZEROS, Attention
from .fusion import FUSIONS
from .initial import initial_values
from .normalization import MODES
from .operands import Operands
from .outputs import output_layers, outputs_config
from .part import config_of, part_of
from .remainder import REMAINDERS
from .transforms import TRANSFORMS, Transform
from .weights import WEIGHTS, Weight

Array = Any
WeightLike = Weight | str | Mapping[str, Any]
SCALES: dict[str, Callable[[int], float]] = {"multiply": math.sqrt, "divide": lambda outputs: 1 / math.sqrt(outputs)}


class InterdependenceHead(Attending):
    """Rows of a batch attend to one another by a bilinear form, and give outputs of what they take.

    For every channel, with R normalised over the rows i that a row j attends to:

    ``R[i, j] = softmax_i(scale * x[i]' W x[j])``,  ``y[j] = Psi sum_i R[i, j] kappa(x[i]) + b``;
    then the fusion of channels, the remainder of x[j] added, and the output layers.

    Parameters
    ----------
    m, n : int
        Features and outputs.
    name : str, optional
    batch_num : int, optional
        The number of rows that ``attribute_interdependence`` is for; without that it has no meaning.
    channel_num : int, optional
    interdependence, reconciliation : part, optional
        W (m, m) and Psi (n, width of kappa): a weight, :class:`Full`, :class:`LowRank`, :class:`DualLphm`,
        :class:`Lphm`, :class:`Hm`; or its name for default options, or its config.
    attribute_interdependence : part, optional
        A weight of (batch_num, batch_num), by which the features of the rows attend to one another before they are
        transformed: normalised by column, not scaled, nothing masked but the rows of a (rows,) mask.
    normalization : {"column", "row", "row_column"}, optional
        :func:`normalize` says of what.
    transform : part, optional
        kappa: :class:`Identity`, :class:`Taylor`, or one's name or config.
    remainder : {"zero", "linear"}, optional
    fusion : {"mean", "sum"}, optional
    outputs : sequence, optional
        Layers, or names or configs of the table OUTPUTS: batch_norm, relu, dropout, softmax.
    enable_bias : bool, optional
    parameters_init_method : {"xavier_normal", "xavier_uniform", "kaiming_uniform", "fanout_std_uniform"}, optional
        How parameters are drawn, here and by :meth:`initialize_parameters`.
    scale : {"multiply", "divide"} or float, optional
        Scores are multiplied with sqrt(n), as in tinyBIG, or divided by it, or multiplied with a number > 0.
    mask_zeros : {"rows", "scores", "keep"}, optional
        What takes no part: rows of zeros (padding); every score that is exactly 0, as in tinyBIG; nothing.
    device : {"cpu", "cuda", "cuda:N"}, optional
    dtype : float32 or float64, optional
        Of the parameters; float32 unless given. Inputs are cast to it; a float16 or bfloat16 input has a result of its
        own dtype, rounded once at the end.
    rng : int or numpy.random.Generator, optional
        Where parameters come from, and what dropout draws from.

    Attributes
    ----------
    w_instance_interdependence, w : Parameter, (channel_num, length)
        With ``w_attribute_interdependence``, ``w_remainder`` (n, m) and ``b`` (n,) where the parts have them.
    outputs : dict of name to Layer
    attention : Attention
        The parts, as they were chosen.

    Raises
    ------
    ConfigError
        An argument has no meaning.
    ShapeError
        ``m`` or ``n`` is no size >= 1; in a call, an operand does not fit.
    DTypeError, BackendError
        As :class:`nbbilinear.layers.Linear`.

    Notes
    -----
    The result of a row depends on the other rows of its batch, also after ``eval()``: give ``context`` where it should
    not. Cost of one channel for b rows: ``2 b m^2 + 2 b^2 m`` flop for the scores of a full W, and with Psi
    ``2 b m n + 2 b^2 n``; twice that backward; weights in factors cost what :class:`LowRank` and others say. Memory:
    scores and their weights, ``2 channels b^2`` numbers, and as many backward. Neither transformed rows nor a matrix
    that has factors is made.
    Source: ``rpn_head`` of tinyBIG 0.2.1 (Zhang 2024, "RPN 2", arXiv 2411.11162).

    Examples
    --------
    >>> from nbbilinear.heads import InterdependenceHead, LowRank
    >>> head = InterdependenceHead(6, 3, interdependence=LowRank(2), outputs=["relu"], enable_bias=True, rng=0)
    >>> x = np.random.default_rng(0).normal(size=(5, 6))
    >>> y = head(x)
    >>> y.shape, head.backward(np.ones_like(y)).shape
    ((5, 3), (5, 6))
    >>> [(name, p.shape) for name, p in head.named_parameters()]
    [('w_instance_interdependence', (1, 24)), ('w', (1, 18)), ('b', (3,))]
    >>> alone = head.eval()(x[:1], context=x)
    >>> bool(np.allclose(alone, head(x)[:1]))
    True
    """

    def __init__(
        self, m: int, n: int, *, name: str = "interdependence_head", batch_num: int | None = None,
        channel_num: int = 1, interdependence: WeightLike = "full", attribute_interdependence: WeightLike | None = None,
        normalization: str = "column", transform: Transform | str | Mapping[str, Any] = "identity",
        reconciliation: WeightLike = "full", remainder: str = "zero", fusion: str = "mean",
        outputs: Sequence[str | Mapping[str, Any] | Layer] = ("relu", "softmax"), enable_bias: bool = False,
        parameters_init_method: str = "xavier_normal", scale: str | float = "multiply", mask_zeros: str = "rows",
        device: str | None = "cpu", dtype: Any = None, rng: int | np.random.Generator | None = None,
    ) -> None:  # fmt: skip
        owner = type(self).__name__
        self.m, self.n = (feature_count(owner, one, size, least=1) for one, size in (("m", m), ("n", n)))
        self.name, self.enable_bias = name, flag("enable_bias", enable_bias)
        self._scale = scale if isinstance(scale, str) else float(_factor(owner, scale, self.n))
        self.channel_num = whole(f"{owner}: channel_num", channel_num, least=1)
        self.batch_num = None if batch_num is None else whole(f"{owner}: batch_num", batch_num, least=1)
        if attribute_interdependence is not None and batch_num is None:
            raise ConfigError(f"{owner}: attribute_interdependence has a weight for each pair of rows; give batch_num")
        attributes = attribute_interdependence
        self.attention = Attention(
            outputs=self.n,
            interdependence=part_of(owner, "interdependence", Weight, WEIGHTS, interdependence),
            attributes=None
            if attributes is None
            else part_of(owner, "attribute_interdependence", Weight, WEIGHTS, attributes),
            transform=part_of(owner, "transform", Transform, TRANSFORMS, transform),
            reconciliation=part_of(owner, "reconciliation", Weight, WEIGHTS, reconciliation),
            normalization=_one_of(owner, "normalization", normalization, MODES),
            fusion=_one_of(owner, "fusion", fusion, FUSIONS),
            remainder=_one_of(owner, "remainder", remainder, REMAINDERS),
            scale=_factor(owner, scale, self.n),
            zeros=_one_of(owner, "mask_zeros", mask_zeros, ZEROS),
        )
        check_device(device)
        self.parameters_init_method, self.rng = parameters_init_method, random_generator(rng)
        dtype = parameter_dtype(np.float32 if dtype is None else dtype)
        for one, value in self._drawn(self.rng).items():
            setattr(self, one, Parameter(value.astype(dtype, copy=False), one))
        self._inside = [one for one, p in vars(self).items() if isinstance(p, Parameter)]
        self.outputs = output_layers(owner, outputs, self.n, dtype, self.rng)
        self.to(device)

    @property
    def scale(self) -> str | float:
        """What was asked for; ``attention.scale`` is the number."""
        return self._scale

    @property
    def example(self) -> Array:
        """An array of the parameters' dtype, where they are."""
        return self.w.data  # type: ignore[attr-defined]  # set by name

    @property
    def row_count(self) -> int | None:
        """How many rows are attended to, where that is fixed."""
        return None if self.attention.attributes is None else self.batch_num

    def buffers(self) -> list[Buffer]:  # noqa: D102 - Attending's
        norms = [layer for layer in self.outputs.values() if isinstance(layer, BatchNorm)]
        return [buffer for norm in norms for buffer in (norm.running_mean, norm.running_var)]

    def attend(self, given: Operands) -> tuple[Array, Pullback]:  # noqa: D102 - Attending's
        inside = {name: vars(self)[name].data for name in self._inside}
        y, pull_attention = self.attention.attend(given.queries, given.rows, given.mask, inside)
        pulls = []
        for name, layer in self.outputs.items():
            y, pull = layer.vjp(y)
            pulls.append((f"outputs.{name}.", pull))
        if y.shape != (len(given.queries), self.n):
            fault = f"outputs must keep the shape ({len(given.queries)}, {self.n})"
            raise ShapeError(report(f"{type(self).__name__}: output layers do not fit", [fault], {"result": y}))

        def pullback(g: Array) -> HeadGrads:
            found: dict[str, Array] = {}
            for prefix, pull in reversed(pulls):
                g, grads = pull(g)
                found |= {prefix + name: grad for name, grad in grads.items()}
            dqueries, drows, own = pull_attention(g)
            if given.mask is not None and given.mask.ndim == 1:  # those rows were taken for zeros
                drows = np.where(given.mask[:, None], drows, drows.dtype.type(0))
            return HeadGrads(dqueries if given.apart else dqueries + drows, own | found, drows if given.apart else None)

        return y, pullback

    def initialize_parameters(self, rng: int | np.random.Generator | None = None) -> None:
        """Draw all parameters of the head anew, by ``parameters_init_method``; output layers are left alone."""
        for name, value in self._drawn(self.rng if rng is None else random_generator(rng)).items():
            data = getattr(self, name).data
            data[...] = placed(value.astype(data.dtype, copy=False), data)

    def to_config(self) -> dict[str, Any]:
        """Return the arguments that make a head like this, all of JSON's types; without parameters.

        Raises
        ------
        ConfigError
            A part or an output layer is of no kind that a config can name.

        Examples
        --------
        >>> head = InterdependenceHead(6, 3, transform="taylor")
        >>> head.to_config()["transform"], InterdependenceHead.from_config(head.to_config()).attention == head.attention
        ({'kind': 'taylor', 'degree': 2}, True)
        """
        a = self.attention
        return {
            "m": self.m, "n": self.n, "name": self.name, "batch_num": self.batch_num, "channel_num": self.channel_num,
            "interdependence": config_of(a.interdependence, WEIGHTS),
            "attribute_interdependence": None if a.attributes is None else config_of(a.attributes, WEIGHTS),
            "normalization": a.normalization, "transform": config_of(a.transform, TRANSFORMS),
            "reconciliation": config_of(a.reconciliation, WEIGHTS), "remainder": a.remainder, "fusion": a.fusion,
            "outputs": outputs_config(self.outputs.values()), "enable_bias": self.enable_bias,
            "parameters_init_method": self.parameters_init_method, "scale": self.scale, "mask_zeros": a.zeros,
            "dtype": str(self.dtype),
        }  # fmt: skip

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type of the parameters."""
        return next(self.parameters()).dtype

    def _drawn(self, rng: np.random.Generator) -> dict[str, Array]:
        shapes = self.attention.shapes(self.m, self.channel_num, self.batch_num)
        if self.enable_bias:
            shapes["b"] = (self.n,)
        return initial_values(self.parameters_init_method, shapes, self.n, rng)

    def __repr__(self) -> str:
        a = self.attention
        parts = f"interdependence={a.interdependence}, transform={a.transform}, reconciliation={a.reconciliation}"
        return f"{type(self).__name__}({self.m}, {self.n}, channel_num={self.channel_num}, {parts})"


def _one_of(owner: str, name: str, value: Any, table: Sequence[str] | Mapping[str, Any]) -> str:
    if not isinstance(value, str) or value not in table:
        raise ConfigError(f"{owner}: {name} must be one of {', '.join(table)}, got {value!r}")
    return value


def _factor(owner: str, scale: str | float, outputs: int) -> float:
    if isinstance(scale, str) and scale in SCALES:
        return SCALES[scale](outputs)
    try:
        found = 0.0 if isinstance(scale, str) else number("scale", scale)
    except ConfigError:
        found = 0.0
    if not found:
        raise ConfigError(f"{owner}: scale must be one of {', '.join(SCALES)}, or a finite number > 0, got {scale!r}")
    return found
