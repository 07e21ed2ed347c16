"""Activations: each with its gradient, a function of the result alone."""

from abc import abstractmethod

import numpy as np

from ..arrays import floats
from ..errors import ShapeError, report
from ..exponentials import sigmoid, softmax
from ..scalars import whole
from .arguments import Array
from .layer import Layer, LayerGrads, Pullback, gradient_of


class Activation(Layer):
    """Base of the activations: float32 or float64 arrays of any shape and library, results of the same.

    Notes
    -----
    Only the result is kept for ``backward``, not the input. Another dtype is a DTypeError.
    """

    def vjp(self, x: Array) -> tuple[Array, Pullback]:  # noqa: D102 - Layer's
        name = type(self).__name__
        y = self._forward(floats(name, {"x": x})["x"])

        def pullback(grad_output: Array) -> LayerGrads:
            return LayerGrads(self._backward(gradient_of(name, grad_output, y.shape, y), y), {})

        return y, pullback

    @abstractmethod
    def _forward(self, x: Array) -> Array: ...

    @abstractmethod
    def _backward(self, grad_output: Array, y: Array) -> Array: ...

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ReLU(Activation):
    """Rectifier, ``y = max(x, 0)``; the gradient at 0 is 0, as ``torch.nn.ReLU`` has it.

    Examples
    --------
    >>> layer = ReLU()
    >>> layer(np.array([-1.0, 0.0, 2.0])), layer.backward(np.ones(3))
    (array([0., 0., 2.]), array([0., 0., 1.]))
    """

    def _forward(self, x: Array) -> Array:
        return np.maximum(x, 0)

    def _backward(self, grad_output: Array, y: Array) -> Array:
        dx = np.zeros_like(y)
        np.copyto(dx, grad_output, where=~(y <= 0))  # so that NaN stays NaN, and 0 * inf does not become one
        return dx


class Sigmoid(Activation):
    """Logistic function, ``y = 1 / (1 + exp(-x))``; source: ``torch.nn.Sigmoid``.

    Examples
    --------
    >>> layer = Sigmoid()
    >>> layer(np.array([-1e4, 0.0, 1e4])), layer.backward(np.ones(3))
    (array([0. , 0.5, 1. ]), array([0.  , 0.25, 0.  ]))
    """

    def _forward(self, x: Array) -> Array:
        return sigmoid(x)

    def _backward(self, grad_output: Array, y: Array) -> Array:
        dx = (1 - y) * y
        dx *= grad_output
        return dx


class Tanh(Activation):
    """Hyperbolic tangent; source: ``torch.nn.Tanh``.

    Examples
    --------
    >>> layer = Tanh()
    >>> layer(np.array([-1e4, 0.0, 1e4])), layer.backward(np.ones(3))
    (array([-1.,  0.,  1.]), array([0., 1., 0.]))
    """

    def _forward(self, x: Array) -> Array:
        return np.tanh(x)

    def _backward(self, grad_output: Array, y: Array) -> Array:
        dx = 1 - y * y
        dx *= grad_output
        return dx


class Softmax(Activation):
    """Exponentials divided by their sum along an axis; source: ``torch.nn.Softmax``.

    Parameters
    ----------
    axis : int, optional
        Any axis of the inputs; the last unless given.

    Raises
    ------
    ConfigError
        The axis is no whole number.
    ShapeError
        In a call: the input has no such axis.

    Notes
    -----
    The largest value is subtracted first, so no finite input overflows. For training with cross-entropy leave this
    layer out: :func:`nbbilinear.losses.cross_entropy` takes the scores themselves.

    Examples
    --------
    >>> layer = Softmax()
    >>> layer(np.array([1e4, 1e4, -1e4])), layer.backward(np.array([1.0, 0.0, 0.0]))
    (array([0.5, 0.5, 0. ]), array([ 0.25, -0.25,  0.  ]))
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = whole("Softmax: axis", axis)

    def _forward(self, x: Array) -> Array:
        if not -x.ndim <= self.axis < x.ndim:
            raise ShapeError(report("Softmax: operands do not fit", [f"x has no axis {self.axis}"], {"x": x}))
        return softmax(x, self.axis)

    def _backward(self, grad_output: Array, y: Array) -> Array:
        dx = grad_output * y
        dx -= dx.sum(axis=self.axis, keepdims=True) * y
        return dx

    def __repr__(self) -> str:
        return f"Softmax(axis={self.axis})"
