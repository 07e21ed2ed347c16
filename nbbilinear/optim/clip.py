"""Clipping: gradients made small enough before a step."""

import math
from collections.abc import Iterable

import numpy as np

from ..errors import DTypeError, report
from ..scalars import number
from .checks import Array, Trainable, listed

_LEAST = 2.0**-900  # of a sum of squares whose smaller terms may be lost without harm


def clip_gradients(parameters: Iterable[Trainable], max_norm: float) -> float:
    """Scale all gradients, in place, so that their norm taken together is at most ``max_norm``.

    ``norm = sqrt(Σ grad²)`` over all parameters; where that is too much, ``grad *= max_norm / (norm + 1e-6)``.

    Parameters
    ----------
    parameters : iterable of Trainable
        Those whose ``grad`` is None are left out.
    max_norm : float

    Returns
    -------
    float
        The norm before. It is NaN or infinite where a gradient is, and the gradients have then lost their meaning.

    Raises
    ------
    ConfigError
        ``max_norm`` is no finite number >= 0, or there are no parameters.
    DTypeError
        A gradient is no writable array of floats. Nothing was changed.

    Notes
    -----
    Squares are added in float64, where those of float32 do not overflow; those of float64 are scaled first where they
    would. Cost: two passes, and a float64 array of the size of one gradient.
    Source: ``torch.nn.utils.clip_grad_norm_``.

    Examples
    --------
    >>> import numpy as np
    >>> from nbbilinear.layers import Parameter
    >>> from nbbilinear.optim import clip_gradients
    >>> weight = Parameter(np.zeros(2))
    >>> weight.grad = np.array([3.0, 4.0])
    >>> clip_gradients([weight], max_norm=1.0), weight.grad.round(3)
    (5.0, array([0.6, 0.8]))
    """
    limit = number("max_norm", max_norm)
    gradients = _gradients("clip_gradients", parameters)
    scale, root = _norm(gradients)
    factor = limit / scale / (root + 1e-6 / scale)
    if not factor >= 1:  # NaN, too, goes on into the gradients
        for g in gradients:
            _multiply(g, factor)
    return scale * root


def clip_gradient_values(parameters: Iterable[Trainable], max_value: float) -> None:
    """Move every element of the gradients, in place, to the nearest number from ``-max_value`` to ``max_value``.

    Parameters
    ----------
    parameters : iterable of Trainable
        Those whose ``grad`` is None are left out.
    max_value : float

    Raises
    ------
    ConfigError, DTypeError
        As :func:`clip_gradients`.

    Notes
    -----
    NaN stays. Source: ``torch.nn.utils.clip_grad_value_``.

    Examples
    --------
    >>> import numpy as np
    >>> from nbbilinear.layers import Parameter
    >>> from nbbilinear.optim import clip_gradient_values
    >>> weight = Parameter(np.zeros(2))
    >>> weight.grad = np.array([3.0, -4.0])
    >>> clip_gradient_values([weight], max_value=3.5)
    >>> weight.grad
    array([ 3. , -3.5])
    """
    limit = number("max_value", max_value)
    for g in _gradients("clip_gradient_values", parameters):
        np.clip(g, -limit, limit, out=g)


def _gradients(verb: str, parameters: Iterable[Trainable]) -> list[Array]:
    found = [p.grad for p in listed(parameters) if p.grad is not None]
    for g in found:
        if getattr(getattr(g, "dtype", None), "kind", "") != "f" or not getattr(g.flags, "writeable", True):
            raise DTypeError(report(f"{verb}: gradients", ["grad must be a writable array of floats"], {"grad": g}))
    return found


def _norm(gradients: list[Array]) -> tuple[float, float]:
    """The norm as a product of two numbers: their squares, and the squares of the gradients over the first, are there.

    Squares of float64 overflow from 1e154 and vanish below 1e-162; then the largest magnitude is taken out first.
    """
    with np.errstate(over="ignore", under="ignore"):
        squares = sum(float(np.square(g, dtype=np.float64).sum()) for g in gradients)
    if _LEAST < squares < math.inf or math.isnan(squares):
        return 1.0, math.sqrt(squares)
    largest = max((float(abs(g).max()) for g in gradients if g.size), default=0.0)
    if not 0 < largest < math.inf:
        return 1.0, largest
    scale = math.ldexp(1.0, max(math.frexp(largest)[1] - 1, -900))  # a power of two: nothing is rounded
    with np.errstate(under="ignore"):
        return scale, math.sqrt(sum(float(np.square(g / scale, dtype=np.float64).sum()) for g in gradients))


def _multiply(g: Array, factor: float) -> None:
    if 0 < factor < np.finfo(g.dtype).tiny:  # of which few bits are left in this dtype: half of the exponent at a time
        power = math.ldexp(1.0, math.frexp(factor)[1] // 2)
        for part in (power, factor / power):
            np.multiply(g, part, out=g)
    else:
        np.multiply(g, factor, out=g)
