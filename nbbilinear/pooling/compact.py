"""Compact bilinear pooling: a sketch of all products of two rows' features, by Fourier transforms."""

from typing import Any, NamedTuple

import numpy as np

from ..arrays import floats
from ..errors import ShapeError, report
from .sketch import Sketch

Array = Any


class CompactGrads(NamedTuple):
    """Gradients of the inputs of :func:`compact_bilinear`."""

    x1: Array
    x2: Array


def compact_bilinear(x1: Array, x2: Array, sketch1: Sketch, sketch2: Sketch) -> Array:
    """Return the sketch of the outer product of two rows, without the product.

    ``y[b,t] = sum of sign1[i] sign2[j] x1[b,i] x2[b,j]`` over the i, j with ``(place1[i] + place2[j]) % size == t``:
    a bilinear product of fixed weights, whose inner products are those of outer products, in the mean.

    Parameters
    ----------
    x1 : (..., in1) array
    x2 : (..., in2) array
        float32 or float64; leading axes broadcast.
    sketch1, sketch2 : Sketch
        Of in1 and of in2 features, of one size.

    Returns
    -------
    (..., size) array

    Raises
    ------
    ShapeError
        Features, sketches or leading axes do not fit.
    DTypeError, BackendError
        An input is not of float32 or float64, or of another library.

    Notes
    -----
    Cost: about ``7.5 size log2(size)`` flop for each row, three transforms. Sum y over positions for pooled features,
    then :func:`signed_sqrt` and :func:`l2_normalize`. Source: Pham and Pagh 2013; Gao et al. 2016.

    Examples
    --------
    >>> one, other = Sketch.drawn(30, 16, rng=0), Sketch.drawn(20, 16, rng=1)
    >>> compact_bilinear(np.ones((5, 30)), np.ones((5, 20)), one, other).shape
    (5, 16)
    """
    given = _checked("compact_bilinear", {"x1": x1, "x2": x2}, sketch1, sketch2)
    spectrum = np.fft.rfft(sketch1.apply(given["x1"])) * np.fft.rfft(sketch2.apply(given["x2"]))
    return np.fft.irfft(spectrum, sketch1.size)


def compact_bilinear_backward(
    grad_output: Array, x1: Array, x2: Array, sketch1: Sketch, sketch2: Sketch
) -> CompactGrads:
    """Return the gradients of x1 and x2, in their shapes, from ``grad_output = dL/dy``.

    A convolution's gradient is a correlation with the other factor. Errors are those of :func:`compact_bilinear`.
    Cost: five transforms for each row.

    Examples
    --------
    >>> one, other = Sketch.drawn(3, 4, rng=0), Sketch.drawn(2, 4, rng=1)
    >>> x1, x2 = np.ones((5, 3)), np.ones((5, 2))
    >>> compact_bilinear_backward(np.ones((5, 4)), x1, x2, one, other).x1.shape
    (5, 3)
    """
    verb = "compact_bilinear_backward"
    given = _checked(verb, {"x1": x1, "x2": x2}, sketch1, sketch2)
    a, b = given["x1"], given["x2"]
    lead = np.broadcast_shapes(a.shape[:-1], b.shape[:-1])
    g = floats(verb, {"grad_output": grad_output})["grad_output"]
    if g.shape != (*lead, sketch1.size):
        fault = f"grad_output must have y's shape, {(*lead, sketch1.size)}"
        raise ShapeError(report(f"{verb}: operands do not fit", [fault], {"grad_output": g, **given}))
    spectrum = np.fft.rfft(g)

    def toward(x: Array, own: Sketch, other: Array, theirs: Sketch) -> Array:
        by_sketch = np.fft.irfft(spectrum * np.fft.rfft(theirs.apply(other)).conj(), own.size)
        return _summed_to(own.pull(by_sketch), x.shape).astype(x.dtype, copy=False)

    return CompactGrads(toward(a, sketch1, b, sketch2), toward(b, sketch2, a, sketch1))


def _summed_to(gradient: Array, shape: tuple[int, ...]) -> Array:
    """The gradient of what was broadcast."""
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1 and gradient.shape[axis] != 1)
    return gradient.sum(axis=axes, keepdims=True)


def _checked(verb: str, given: dict[str, Array], sketch1: Sketch, sketch2: Sketch) -> dict[str, Array]:
    arrays = floats(verb, given)
    faults = [
        f"{name} must end in {len(sketch.place)} features, as its sketch has them"
        for (name, x), sketch in zip(arrays.items(), (sketch1, sketch2), strict=True)
        if x.shape[-1:] != (len(sketch.place),)
    ]
    if sketch1.size != sketch2.size:
        faults.append(f"both sketches must have one size, got {sketch1.size} and {sketch2.size}")
    try:
        np.broadcast_shapes(*(x.shape[:-1] for x in arrays.values()))
    except ValueError:
        faults.append("leading axes do not broadcast")
    if faults:
        raise ShapeError(report(f"{verb}: operands do not fit", faults, arrays))
    return arrays
