"""Batch normalisation."""

import math
from typing import Any

import numpy as np

from ..arrays import of_one_library
from ..errors import ConfigError, ShapeError, report
from ..scalars import number
from .arguments import Array, cast_operand, check_device, feature_count, parameter_dtype
from .layer import Layer, LayerGrads, Pullback, gradient_of
from .parameter import Buffer, Parameter


class BatchNorm(Layer):
    """Batch normalisation, ``y = (x - mean) / sqrt(var + eps) * weight + bias``, for each feature.

    Parameters
    ----------
    features : int
        Size of the last axis of ``x``; all axes before it are the batch.
    eps : float, optional
    momentum : float, optional
        The weight of a batch in the running statistics.
    device : {"cpu", "cuda", "cuda:N"}, optional
    dtype : float32 or float64, optional
        Of the parameters; float32 unless given. **Inputs are cast to it.**

    Attributes
    ----------
    weight, bias : Parameter, (features,)
        Ones and zeros at first.
    running_mean, running_var : Buffer, (features,)
        Zeros and ones at first. They are saved, loaded and moved with the parameters.

    Raises
    ------
    ShapeError
        ``features`` is negative. In a call: the last axis is of another size, or in training mode there is but one row.
    ConfigError, DTypeError, BackendError
        An argument has no meaning; as :class:`nbbilinear.layers.Linear`.

    Notes
    -----
    In training mode mean and variance are the batch's, the variance with 1/rows; **a call, and** ``vjp`` **, then moves
    the running ones** towards them, the variance with 1/(rows - 1). After ``eval()`` the running ones are used, for any
    number of rows. Cost: some six passes over the batch, as many backward. What is kept:
    :class:`nbbilinear.layers.Layer`.
    Source: ``torch.nn.BatchNorm1d`` (names, defaults, which variance where).

    Examples
    --------
    >>> layer = BatchNorm(1, dtype="float64")
    >>> layer(np.array([[1.0], [3.0]])).round(4)
    array([[-1.],
           [ 1.]])
    >>> layer.running_mean.data, layer.running_var.data
    (array([0.2]), array([1.1]))
    >>> [name for name, _ in layer.named_parameters()], list(layer.state_dict())
    (['weight', 'bias'], ['weight', 'bias', 'running_mean', 'running_var'])
    """

    def __init__(
        self, features: int, eps: float = 1e-5, momentum: float = 0.1, device: str | None = None, dtype: Any = None
    ) -> None:
        self.features = feature_count("BatchNorm", "features", features, least=0)
        self.eps, self.momentum = number("BatchNorm: eps", eps), number("BatchNorm: momentum", momentum)
        if self.momentum > 1:
            raise ConfigError(f"BatchNorm: momentum must be a share of the batch, 0 to 1, got {momentum!r}")
        check_device(device)
        kind = parameter_dtype(np.float32 if dtype is None else dtype)
        self.weight = Parameter(np.ones(self.features, kind), "weight")
        self.bias = Parameter(np.zeros(self.features, kind), "bias")
        self.running_mean = Buffer(np.zeros(self.features, kind), "running_mean")
        self.running_var = Buffer(np.ones(self.features, kind), "running_var")
        self.to(device)

    def vjp(self, x: Array) -> tuple[Array, Pullback]:  # noqa: D102 - Layer's
        x = self._fitting(x)
        rows, weight = x.reshape(math.prod(x.shape[:-1]), self.features), self.weight.data
        training = self.training
        mean, variance = self._from(rows) if training else (self.running_mean.data, self.running_var.data)
        scale = 1 / np.sqrt(variance + self.eps).astype(weight.dtype)
        normal = (rows - mean) * scale
        y = (normal * weight + self.bias.data).reshape(x.shape)

        def pullback(grad_output: Array) -> LayerGrads:
            g = gradient_of("BatchNorm", grad_output, x.shape, weight).reshape(rows.shape)
            grads = {"weight": (g * normal).sum(axis=0), "bias": g.sum(axis=0)}
            dx = g
            if training:  # mean and variance moved with x
                dx = g - grads["bias"] / len(rows) - normal * (grads["weight"] / len(rows))
            return LayerGrads((dx * (scale * weight)).reshape(x.shape), grads)

        return y, pullback

    def _from(self, rows: Array) -> tuple[Array, Array]:
        """The mean and variance of a batch, with which the running ones go along."""
        mean, variance, count = rows.mean(axis=0), rows.var(axis=0), len(rows)
        for buffer, found in ((self.running_mean, mean), (self.running_var, variance * (count / (count - 1)))):
            buffer.data += self.momentum * (found - buffer.data)
        return mean, variance

    def _fitting(self, x: Array) -> Array:
        weight = self.weight.data
        given = of_one_library("BatchNorm", {"x": cast_operand("BatchNorm", "x", x, weight.dtype), "weight": weight})
        shape = given["x"].shape
        faults = []
        if shape[-1:] != (self.features,):
            faults.append(f"x must have {self.features} features on its last axis")
        elif self.training and math.prod(shape[:-1]) < 2:
            faults.append(
                "x must have at least 2 rows in training mode: one has no variance; call eval() for inference"
            )
        if faults:
            raise ShapeError(report("BatchNorm: operands do not fit", faults, given))
        return given["x"].astype(weight.dtype, copy=False)

    def __repr__(self) -> str:
        return f"BatchNorm(features={self.features}, eps={self.eps:g}, momentum={self.momentum:g})"
