"""Layers of one input: a new one writes ``vjp``, and has the rest."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from ..arrays import of_one_library
from ..errors import DTypeError, ShapeError, report
from .arguments import Array, cast_operand
from .module import Module


class LayerGrads(NamedTuple):
    """Gradients of a layer's input, and of its parameters by name."""

    x: Array
    parameters: dict[str, Array]


Pullback = Callable[[Array], LayerGrads]


class Layer(Module, ABC):
    """Base of the layers with one input.

    Notes
    -----
    In training mode a call keeps what ``backward`` needs, **by reference**, until ``backward``, another call or
    ``eval()``: change neither input, result nor parameters in between. A layer used twice in a model, or by several
    threads, needs :meth:`vjp`, or a :class:`nbbilinear.layers.Sequential` around it.

    Examples
    --------
    >>> from nbbilinear.layers import Layer, LayerGrads
    >>> class Double(Layer):
    ...     def vjp(self, x):
    ...         return 2 * x, lambda grad_output: LayerGrads(2 * grad_output, {})
    >>> layer = Double()
    >>> layer(np.array([1.0, 2.0]))
    array([2., 4.])
    >>> layer.backward(np.ones(2))
    array([2., 2.])
    """

    @abstractmethod
    def vjp(self, x: Array) -> tuple[Array, Pullback]:
        """Return the result and a function that pulls gradients back; neither changes the layer.

        Parameters
        ----------
        x : array, as in a call

        Returns
        -------
        y : array
        pullback : callable
            ``pullback(grad_output)`` gives ``LayerGrads(x, parameters)``, as often as it is called and from any thread.
            It refers to inputs, results and parameters as they were now, without a copy.

        Raises
        ------
        ShapeError, DTypeError, BackendError
            As in a call; the pullback, as ``backward``.
        """

    def __call__(self, x: Array) -> Array:
        """Return the result for an input; in training mode keep what one ``backward`` needs.

        Parameters
        ----------
        x : array

        Returns
        -------
        array

        Raises
        ------
        ShapeError, DTypeError, BackendError
            The input does not fit. What was kept stays.
        """
        y, pullback = self.vjp(x)
        self._keep(pullback)
        return y

    def backward(self, grad_output: Array) -> Array:
        """Return the gradient of the last input, and add those of the parameters to their ``grad``.

        Parameters
        ----------
        grad_output : array
            Gradient of the loss by the last result, in its shape; cast to its dtype.

        Returns
        -------
        array
            In the shape of the input, and the result's dtype.

        Raises
        ------
        LayerError
            Nothing is kept: no call since the last ``backward``, or not in training mode.
        ShapeError, DTypeError, BackendError
            ``grad_output`` does not fit, or a ``grad`` that is there does not. No gradient was changed, and what was
            kept still is.
        """
        dx, grads = self._recall()(grad_output)
        self._collect(grads)
        self.release()
        return dx

    def _collect(self, grads: Mapping[str, Array]) -> None:
        """Add gradients to those of the parameters; all of them, or on error none."""
        own = dict(self.named_parameters())
        for name, grad in grads.items():
            if not _takes(own[name].grad, grad):
                fault = f"grad of {name} must be None, or a writable array of its parameter's shape and of floats"
                given = {"grad": own[name].grad, name: own[name].data}
                raise ShapeError(report(f"{type(self).__name__}.backward: nothing to add to", [fault], given))
        for name, grad in grads.items():
            if own[name].grad is None:
                own[name].grad = grad
            else:
                own[name].grad += grad


def _takes(there: Array, grad: Array) -> bool:
    """Whether ``there += grad`` will succeed and stay in shape; None is replaced."""
    if there is None:
        return True
    return (
        getattr(there, "shape", None) == grad.shape
        and np.can_cast(grad.dtype, there.dtype, "same_kind")
        and getattr(there.flags, "writeable", True)
    )


def gradient_of(owner: str, grad_output: Array, shape: tuple[int, ...], example: Array) -> Array:
    """Return a gradient in the dtype of ``example``; refuse another shape, another library, or what is not real."""
    alike = type(grad_output) is type(example) is np.ndarray and grad_output.dtype == example.dtype
    if alike and grad_output.shape == shape:  # nearly always: 3 µs less
        return grad_output
    cast = cast_operand(owner, "grad_output", grad_output, example.dtype)
    given = of_one_library(f"{owner}.backward", {"grad_output": cast, "result": example})
    g = given["grad_output"]
    if g.shape != shape:
        fault = f"grad_output must have the shape of the result, {shape}"
        raise ShapeError(report(f"{owner}.backward: operands do not fit", [fault], {"grad_output": g}))
    if g.dtype != example.dtype:  # what cast_operand left to others, such as strings
        raise DTypeError(report(f"{owner}.backward", ["grad_output must be real numbers"], {"grad_output": g}))
    return g
