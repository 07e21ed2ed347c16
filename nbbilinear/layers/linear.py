"""The linear layer."""

import math
from typing import Any

import numpy as np

from ..arrays import of_one_library
from ..errors import ShapeError, report
from .arguments import Array, cast_operand, check_device, feature_count, parameter_dtype
from .initial import drawn
from .layer import Layer, LayerGrads, Pullback, gradient_of


class Linear(Layer):
    """Linear layer, ``y[..., k] = Σ_i weight[k, i] x[..., i] + bias[k]``.

    Parameters
    ----------
    in_features, out_features : int
        Sizes of the last axes of ``x`` and ``y``. ``in_features`` must be positive.
    bias : bool, optional
        False leaves ``bias`` None, and out of the state.
    device : {"cpu", "cuda", "cuda:N"}, optional
        On a CUDA device parameters are arrays of CuPy, and so must inputs be.
    dtype : float32 or float64, optional
        Of the parameters; float32 unless given. **Inputs are cast to it.**
    rng : int or numpy.random.Generator, optional
        Where the initial values come from: weight, then bias, from U(-1/sqrt(in_features), 1/sqrt(in_features)).

    Attributes
    ----------
    weight : Parameter, (out_features, in_features)
    bias : Parameter, (out_features,), or None

    Raises
    ------
    ShapeError
        A size is negative, or ``in_features`` is zero; in a call, the last axis of ``x`` has another size.
    DTypeError, BackendError, ConfigError
        Parameters cannot have this dtype or device; ``rng`` is no source, or a size is no whole number.

    Notes
    -----
    Any leading axes. Cost: ``2 * rows * out * in`` flop forward, twice that backward; one matrix product each for the
    result, the input's gradient and the weight's. What is kept, and how long: :class:`nbbilinear.layers.Layer`.
    Source: ``torch.nn.Linear`` (argument order, names, initial distribution).

    Examples
    --------
    >>> import numpy as np
    >>> from nbbilinear.layers import Linear
    >>> layer = Linear(3, 2, rng=0)
    >>> layer
    Linear(in_features=3, out_features=2, bias=True)
    >>> y = layer(np.ones((7, 3), np.float32))
    >>> y.shape, layer.backward(np.ones_like(y)).shape, layer.bias.grad
    ((7, 2), (7, 3), array([7., 7.], dtype=float32))
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: str | None = None,
        dtype: Any = None,
        rng: int | np.random.Generator | None = None,
    ) -> None:
        self.in_features = feature_count("Linear", "in_features", in_features, least=1)
        self.out_features = feature_count("Linear", "out_features", out_features, least=0)
        check_device(device)
        kind = parameter_dtype(np.float32 if dtype is None else dtype)
        self.weight, self.bias = drawn((self.out_features, self.in_features), self.in_features, bias, kind, rng)
        self.to(device)

    def vjp(self, x: Array) -> tuple[Array, Pullback]:  # noqa: D102 - Layer's
        weight, bias = self.weight.data, getattr(self.bias, "data", None)
        x = self._fitting(x)
        lead = x.shape[:-1]
        rows = x.reshape(math.prod(lead), self.in_features)
        y = rows @ weight.T
        if bias is not None:
            y += bias

        def pullback(grad_output: Array) -> LayerGrads:
            g = gradient_of("Linear", grad_output, (*lead, len(weight)), weight).reshape(len(rows), len(weight))
            grads = {"weight": g.T @ rows}
            if bias is not None:
                grads["bias"] = g.sum(axis=0)
            return LayerGrads((g @ weight).reshape(x.shape), grads)

        return y.reshape(*lead, self.out_features), pullback

    def _fitting(self, x: Array) -> Array:
        weight = self.weight.data
        cast = cast_operand("Linear", "x", x, weight.dtype)
        given = of_one_library("Linear", {"x": cast, "weight": weight})
        if given["x"].shape[-1:] != (self.in_features,):
            fault = f"x must have {self.in_features} features on its last axis"
            raise ShapeError(report("Linear: operands do not fit", [fault], given))
        return given["x"].astype(weight.dtype, copy=False)

    def __repr__(self) -> str:
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        return f"Linear({sizes}, bias={self.bias is not None})"
