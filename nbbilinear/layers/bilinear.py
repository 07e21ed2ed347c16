"""The bilinear layer: weight, bias, forward and its gradients."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..functional import BilinearGrads, bilinear, bilinear_vjp
from .arguments import Array, cast_operand, check_device, feature_count, parameter_dtype
from .initial import drawn
from .module import Module


class InputGrads(NamedTuple):
    """Gradients of a layer's two inputs."""

    dx1: Array
    dx2: Array


class Bilinear(Module):
    """Bilinear layer, ``y[..., k] = Σ_ij x1[..., i] weight[k, i, j] x2[..., j] + bias[k]``.

    Parameters
    ----------
    in1_features, in2_features, out_features : int
        Sizes of the last axes of ``x1``, ``x2`` and ``y``. ``in1_features`` must be positive, the others may be zero.
    bias : bool, optional
        False leaves ``bias`` None, and out of the state.
    device : {"cpu", "cuda", "cuda:N"}, optional
        On a CUDA device parameters are arrays of CuPy, and so must inputs be.
    dtype : float32 or float64, optional
        Of the parameters; float32 unless given. **Inputs are cast to it.**
    rng : int or numpy.random.Generator, optional
        Where the initial values come from: weight, then bias, from U(-1/sqrt(in1_features), 1/sqrt(in1_features)).
        The same int gives the same values, and in float32 those of float64 rounded.

    Attributes
    ----------
    weight : Parameter, (out_features, in1_features, in2_features)
    bias : Parameter, (out_features,), or None

    Raises
    ------
    ShapeError
        A size is negative, or ``in1_features`` is zero.
    DTypeError, BackendError, ConfigError
        Parameters cannot have this dtype or device; ``rng`` is no source, or a size is no whole number.

    Notes
    -----
    Cost: ``2 * rows * out * in1 * in2`` flop forward, twice that backward. An input of another dtype costs a copy more.

    In training mode the inputs are kept **by reference** until ``backward``, another call or ``eval()``, with what
    :func:`nbbilinear.bilinear_vjp` keeps: change neither them nor the parameters in between. A layer used twice in a
    model, or by several threads, needs :meth:`vjp`.

    Source: ``torch.nn.Bilinear`` (argument order, names, initial distribution); leading dimensions broadcast here.

    Examples
    --------
    >>> import numpy as np
    >>> from nbbilinear.layers import Bilinear
    >>> layer = Bilinear(3, 4, 5, rng=0)
    >>> layer
    Bilinear(in1_features=3, in2_features=4, out_features=5, bias=True)
    >>> y = layer(np.ones((7, 3), np.float32), np.ones((7, 4), np.float32))
    >>> gradients = layer.backward(np.ones_like(y))
    >>> y.shape, gradients.dx1.shape, layer.weight.grad.shape
    ((7, 5), (7, 3), (5, 3, 4))
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: str | None = None,
        dtype: Any = None,
        rng: int | np.random.Generator | None = None,
    ) -> None:
        self.in1_features = feature_count("Bilinear", "in1_features", in1_features, least=1)
        self.in2_features = feature_count("Bilinear", "in2_features", in2_features, least=0)
        self.out_features = feature_count("Bilinear", "out_features", out_features, least=0)
        check_device(device)
        kind = parameter_dtype(np.float32 if dtype is None else dtype)
        shape = (self.out_features, self.in1_features, self.in2_features)
        self.weight, self.bias = drawn(shape, self.in1_features, bias, kind, rng)
        self.to(device)

    def __call__(self, x1: Array, x2: Array) -> Array:
        """Return the bilinear product of the inputs; in training mode keep them for one ``backward``.

        Parameters
        ----------
        x1, x2 : (..., in1_features) and (..., in2_features) arrays
            Real, cast to the parameters' dtype; leading dimensions broadcast.

        Returns
        -------
        (..., out_features) array of the parameters' dtype

        Raises
        ------
        ShapeError, DTypeError, BackendError
            As :func:`nbbilinear.bilinear`; also for complex or bool inputs. What was kept stays.
        """
        x1, x2 = self._cast("x1", x1), self._cast("x2", x2)
        operands = (x1, x2, self.weight.data, getattr(self.bias, "data", None))
        if not self.training:
            return bilinear(*operands)
        y, pullback = bilinear_vjp(*operands)
        self._keep(pullback)
        return y

    def backward(self, grad_output: Array) -> InputGrads:
        """Return the gradients of the kept inputs, and add those of the parameters to their ``grad``.

        Parameters
        ----------
        grad_output : (..., out_features) array
            Gradient of the loss by the last ``y``, in its shape; cast to the parameters' dtype.

        Returns
        -------
        InputGrads
            ``dx1`` and ``dx2``, in the shapes of the inputs and the parameters' dtype.

        Raises
        ------
        LayerError
            No inputs are kept: no call since the last ``backward``, or not in training mode.
        ShapeError, DTypeError
            ``grad_output`` does not fit. No gradient was changed, and the inputs are still kept.

        Notes
        -----
        Cost: ``4 * rows * out * in1 * in2`` flop. A ``grad`` that is there is added to in place.
        """
        pullback = self._recall()
        there = BilinearGrads(weight=self.weight.grad, bias=getattr(self.bias, "grad", None))
        add = any(grad is not None for grad in there)
        grads = pullback(self._cast("grad_output", grad_output), out=there if add else None, accumulate=add)
        self.weight.grad = grads.weight
        if self.bias is not None:
            self.bias.grad = grads.bias
        self.release()
        return InputGrads(grads.x1, grads.x2)

    def vjp(self, x1: Array, x2: Array) -> tuple[Array, Callable[[Array], BilinearGrads]]:
        """Return the product and a function that pulls gradients back; neither changes the layer.

        Parameters
        ----------
        x1, x2 : arrays, as in a call

        Returns
        -------
        y : (..., out_features) array
        pullback : callable
            ``pullback(grad_output)`` gives ``BilinearGrads(x1, x2, weight, bias)``, as often as it is called and from
            any thread. It refers to inputs and parameters as they were now, without a copy.

        Raises
        ------
        ShapeError, DTypeError, BackendError
            As in a call; the pullback, as ``backward``.

        Examples
        --------
        >>> import numpy as np
        >>> layer = Bilinear(3, 4, 5, rng=0)
        >>> y, pullback = layer.vjp(np.ones((7, 3)), np.ones((7, 4)))
        >>> pullback(np.ones((7, 5))).bias
        array([7., 7., 7., 7., 7.], dtype=float32)
        """
        x1, x2 = self._cast("x1", x1), self._cast("x2", x2)
        weight, bias = self.weight.data, getattr(self.bias, "data", None)
        y, gradients = bilinear_vjp(x1, x2, weight, bias)

        def pullback(grad_output: Array) -> BilinearGrads:
            return gradients(cast_operand("Bilinear", "grad_output", grad_output, weight.dtype))

        return y, pullback

    def _cast(self, name: str, value: Array) -> Array:
        return cast_operand("Bilinear", name, value, self.weight.dtype)

    def __repr__(self) -> str:
        sizes = f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}"
        return f"Bilinear({sizes}, bias={self.bias is not None})"
