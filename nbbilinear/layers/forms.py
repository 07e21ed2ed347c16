"""Bilinear layers of a form: one class for each line of the table of forms, none written by hand."""

from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np

from ..forms import FORMS, Form
from ..functional import BilinearGrads, bilinear, bilinear_vjp
from ..scalars import flag, random_generator
from .arguments import Array, cast_operand, feature_count, parameter_dtype
from .bilinear import InputGrads
from .form_sizes import bound_of, letter_sizes
from .module import Module, check_move
from .parameter import Parameter


class FormBilinear(Module):
    """Bilinear layer whose weight is a form; the base of :data:`LAYERS`.

    Parameters
    ----------
    in1_features, in2_features, out_features : int
    bias : bool, optional
    device : {"cpu"}, optional
        Forms are not computed on other devices: these are refused, here and by ``to``.
    dtype : float32 or float64, optional
        Of the parameters; float32 unless given. **Inputs are cast to it.**
    rng : int or numpy.random.Generator, optional
        Where the initial values come from: the form's parameters in their order, so that y has the variance it has in
        torch's layer (:func:`nbbilinear.layers.form_sizes.bound_of`), then bias from U(-1/sqrt(in1), 1/sqrt(in1)).
    **options
        The sizes that features do not determine, by the names in the form's ``options``, as ``rank``; for a sparse
        layer the places ``k, i, j``.

    Attributes
    ----------
    form : Form
        The parameters' data as a form, to pass where a weight goes.
    bias : Parameter, (out_features,), or None
        The form's parameters are attributes beside it, under their own names, and so they are named in the state.

    Raises
    ------
    ShapeError
        A size is negative, ``in1_features`` is zero, or features do not divide as the form needs it.
    ConfigError
        An option is missing or unknown.
    DTypeError, BackendError
        As :class:`nbbilinear.Bilinear`.

    Notes
    -----
    Cost: that of the form. What is kept for ``backward``, and how long: :class:`nbbilinear.Bilinear`.

    Examples
    --------
    >>> from nbbilinear.layers import LowRankBilinear
    >>> layer = LowRankBilinear(30, 20, 5, rank=4, rng=0)
    >>> layer
    LowRankBilinear(in1_features=30, in2_features=20, out_features=5, bias=True, u=(5, 30, 4), v=(5, 20, 4))
    >>> y = layer(np.ones((7, 30)), np.ones((7, 20)))
    >>> layer.backward(np.ones_like(y)).dx1.shape, layer.u.grad.shape
    ((7, 30), (5, 30, 4))
    >>> list(layer.state_dict())
    ['u', 'v', 'bias']
    """

    kind: ClassVar[type[Form]]
    on_cpu_only = (
        "forms are computed on the CPU; leave the device out, or use Bilinear with the weight that form.expand() gives"
    )

    def __init__(
        self, in1_features: int, in2_features: int, out_features: int, bias: bool = True, device: str | None = None,
        dtype: Any = None, rng: int | np.random.Generator | None = None, **options: Any,
    ) -> None:  # fmt: skip
        owner = type(self).__name__
        in1 = feature_count(owner, "in1_features", in1_features, least=1)
        in2 = feature_count(owner, "in2_features", in2_features, least=0)
        out = feature_count(owner, "out_features", out_features, least=0)
        check_move(self, device)
        bias = flag(f"{owner}: bias", bias)
        sizes = letter_sizes(owner, self.kind, in1, in2, out, options)
        draw = _drawn(random_generator(rng), parameter_dtype(np.float32 if dtype is None else dtype))
        limit = bound_of(self.kind, sizes, in1, in2)
        given = {name: options[name] for name in self.kind.given}
        form = self.kind.at(sizes, lambda shape: draw(shape, limit), **given)
        self._take(form, draw((out,), 1 / np.sqrt(in1)) if bias else None)

    @classmethod
    def of(cls, form: Form, bias: Array | None = None) -> Self:
        """Return a layer of this form, on its arrays; for instance of one that :func:`nbbilinear.compress` found.

        Examples
        --------
        >>> from nbbilinear.forms import Diagonal
        >>> from nbbilinear.layers import DiagonalBilinear
        >>> DiagonalBilinear.of(Diagonal(np.ones((2, 3)))).state_dict()
        {'weight': array([[1., 1., 1.],
               [1., 1., 1.]])}
        """
        layer = cls.__new__(cls)
        layer._take(form, bias)  # noqa: SLF001 - its own
        return layer

    def _take(self, form: Form, bias: Array | None) -> None:
        self.out_features, self.in1_features, self.in2_features = (1, *form.shape)[-3:]
        self._pattern = form.map(lambda array: np.empty((0,) * array.ndim, array.dtype))  # its kind, without its data
        self._last: Form | None = None
        for name, array in form.parameters.items():
            setattr(self, name, Parameter(array, name))
        self.bias = None if bias is None else Parameter(bias, "bias")

    @property
    def form(self) -> Form:
        """The parameters' data as a form."""
        data = {name: getattr(self, name).data for name in self._pattern.parameters}
        last = self._last  # a form takes some 10 us to check, and keeps what it has counted
        if last is None or any(data[name] is not array for name, array in last.parameters.items()):
            last = self._last = self._pattern.replace(data)
        return last

    def __call__(self, x1: Array, x2: Array) -> Array:
        """Return the product of the inputs; in training mode keep them for one ``backward``.

        Parameters and errors are those of :class:`nbbilinear.Bilinear`.
        """
        x1, x2 = self._cast("x1", x1), self._cast("x2", x2)
        operands = (x1, x2, self.form, getattr(self.bias, "data", None))
        if not self.training:
            return bilinear(*operands)
        y, pullback = bilinear_vjp(*operands)
        self._keep(pullback)
        return y

    def backward(self, grad_output: Array) -> InputGrads:
        """Return the gradients of the kept inputs, and add those of the parameters to their ``grad``.

        Parameters and errors are those of :class:`nbbilinear.Bilinear`.
        """
        pullback = self._recall()
        form, own = self.form, dict(self.named_parameters())
        add = any(parameter.grad is not None for parameter in own.values())
        there = {n: np.zeros_like(p.data) if p.grad is None else p.grad for n, p in own.items()} if add else {}
        collected = BilinearGrads(
            weight=form.replace({name: there[name] for name in form.parameters}) if add else None,
            bias=there.get("bias"),
        )
        grads = pullback(self._cast("grad_output", grad_output), out=collected if add else None, accumulate=add)
        for name, gradient in {**grads.weight.parameters, "bias": grads.bias}.items():
            if name in own:
                own[name].grad = gradient
        self.release()
        return InputGrads(grads.x1, grads.x2)

    def vjp(self, x1: Array, x2: Array) -> tuple[Array, Callable[[Array], BilinearGrads]]:
        """Return the product and a function that pulls gradients back, as :class:`nbbilinear.Bilinear` has it."""
        x1, x2 = self._cast("x1", x1), self._cast("x2", x2)
        form, bias = self.form, getattr(self.bias, "data", None)
        y, gradients = bilinear_vjp(x1, x2, form, bias)

        def pullback(grad_output: Array) -> BilinearGrads:
            return gradients(cast_operand(type(self).__name__, "grad_output", grad_output, form.dtype))

        return y, pullback

    def _cast(self, name: str, value: Array) -> Array:
        return cast_operand(type(self).__name__, name, value, next(iter(self.parameters())).dtype)

    def __repr__(self) -> str:
        sizes = f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}"
        shapes = ", ".join(f"{name}={getattr(self, name).shape}" for name in self._pattern.parameters)
        return f"{type(self).__name__}({sizes}, bias={self.bias is not None}, {shapes})"


def _drawn(generator: np.random.Generator, dtype: np.dtype[Any]) -> Callable[[tuple[int, ...], float], Array]:
    def draw(shape: tuple[int, ...], limit: float) -> Array:
        return generator.uniform(-limit, limit, shape).astype(dtype, copy=False)

    return draw


def _layer(kind: type[Form]) -> type[FormBilinear]:
    name = f"{kind.__name__}Bilinear"
    options = ", ".join(f"{option}=" for option in (*kind.options, *kind.given))
    first = (kind.__doc__ or "").partition("\n")[0]
    doc = (
        f"Bilinear layer of :class:`nbbilinear.forms.{kind.__name__}`: {first}\n\n"
        f"    Options: {options or 'none'}. Everything else is :class:`FormBilinear`'s.\n    "
    )
    return type(name, (FormBilinear,), {"kind": kind, "__doc__": doc, "__module__": __name__})


LAYERS: dict[str, type[FormBilinear]] = {f"{kind.__name__}Bilinear": _layer(kind) for kind in FORMS.values()}


def __getattr__(name: str) -> type[FormBilinear]:
    """Layers by name, as pickle and ``from nbbilinear.layers import LowRankBilinear`` look for them."""
    try:
        return LAYERS[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
