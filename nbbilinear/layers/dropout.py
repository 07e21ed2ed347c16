"""Dropout."""

import numpy as np

from ..arrays import floats, module_of
from ..errors import ConfigError
from ..scalars import number, random_generator
from .arguments import Array
from .layer import Layer, LayerGrads, Pullback, gradient_of


class Dropout(Layer):
    """Dropout: in training mode each element is zero with probability p, and divided by 1 - p otherwise.

    Parameters
    ----------
    p : float, optional
        From 0 to 1.
    rng : int or numpy.random.Generator, optional
        Where the choices come from; each call, and each ``vjp``, draws anew.

    Raises
    ------
    ConfigError
        ``p`` is no number from 0 to 1, or ``rng`` no source.
    DTypeError, BackendError
        In a call: the input is not of float32 or float64, or of another library.

    Notes
    -----
    After ``eval()`` the result is the input itself. Arrays of CuPy draw on their device, from a seed of ``rng``.
    Source: ``torch.nn.Dropout``.

    Examples
    --------
    >>> layer = Dropout(0.5, rng=0)
    >>> layer(np.ones(6)), layer.backward(np.ones(6))
    (array([2., 2., 2., 0., 0., 0.]), array([2., 2., 2., 0., 0., 0.]))
    >>> layer.eval()(np.ones(3))
    array([1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, rng: int | np.random.Generator | None = None) -> None:
        self.p = number("Dropout: p", p)
        if self.p > 1:
            raise ConfigError(f"Dropout: p must be a number from 0 to 1, got {p!r}")
        self.rng = random_generator(rng)

    def vjp(self, x: Array) -> tuple[Array, Pullback]:  # noqa: D102 - Layer's
        x = floats("Dropout", {"x": x})["x"]
        factors = self._factors(x) if self.training and self.p else None
        y = x if factors is None else x * factors

        def pullback(grad_output: Array) -> LayerGrads:
            g = gradient_of("Dropout", grad_output, x.shape, x)
            return LayerGrads(g if factors is None else g * factors, {})

        return y, pullback

    def _factors(self, x: Array) -> Array:
        xp = module_of(x)
        rng = self.rng if xp is np else xp.random.default_rng(int(self.rng.integers(2**63)))
        kept = rng.random(x.shape, dtype=np.float32) >= self.p
        factors = kept.astype(x.dtype)
        factors *= 1 / (1 - self.p) if self.p < 1 else 0
        return factors

    def __repr__(self) -> str:
        return f"Dropout(p={self.p:g})"
