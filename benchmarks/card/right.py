"""Every kernel against float64 on the card, before anything is timed."""

import cupy
import numpy as np

import nbbilinear as nbl
from nbbilinear import backends

from .shapes import DTYPES, SHAPES

ROWS = 2048  # of the shapes that have more: what goes wrong in a tile goes wrong here


def operands(shape, dtype):
    """x1, x2, weight, bias, and the gradient of y."""
    rows, in1, in2, out = shape
    rng = cupy.random.default_rng(0)
    sizes = (rows, in1), (rows, in2), (out, in1, in2), (out,), (rows, out)
    return [rng.standard_normal(size, dtype=dtype) for size in sizes]


def kernels():
    """Every kernel for rows, by name."""
    names = [k.name for place in ("cuda", "cupy") for k in backends.backend(place).kernels if k.structure == "rows"]
    return tuple(dict.fromkeys(names))


def worst(shape, dtype, kernel):
    """The largest error of y and its gradients, in units of the bound for any order of summation."""
    shape = (min(shape[0], ROWS), *shape[1:])
    x1, x2, weight, bias, g = operands(shape, dtype)
    wide = [a.astype("f8") for a in (x1, x2, weight, bias, g)]
    found = (
        nbl.bilinear(x1, x2, weight, bias, backend=kernel),
        *nbl.bilinear_backward(g, x1, x2, weight, bias, backend=kernel),
    )
    want, size = faces(*wide), faces(*map(cupy.abs, wide))
    rows, in1, in2, out = shape
    terms = in1 * in2 + 1, out * in2, out * in1, rows, rows
    eps = np.finfo(dtype).eps
    errors = [
        float((abs(one - true) / ((n + 3) * eps * magnitude + 1e-300)).max())
        for n, one, true, magnitude in zip(terms, found, want, size, strict=True)
    ]
    return max(errors) if all(error == error for error in errors) else float("nan")


def faces(x1, x2, weight, bias, g):
    """y and the four gradients, output by output: nothing of size rows * in1 * in2."""
    y, dx1, dx2 = cupy.empty(g.shape), cupy.zeros(x1.shape), cupy.zeros(x2.shape)
    dweight = cupy.empty(weight.shape)
    for k in range(weight.shape[0]):
        t = x1 @ weight[k]
        y[:, k] = (t * x2).sum(1) + bias[k]
        scaled = g[:, k, None] * x1
        dx2 += g[:, k, None] * t
        dx1 += g[:, k, None] * (x2 @ weight[k].T)
        dweight[k] = scaled.T @ x2
    return y, dx1, dx2, dweight, g.sum(0)


def report():
    """Print a line for every kernel and dtype; return 1 where one is wrong."""
    wrong = 0
    for kernel in kernels():
        for dtype in DTYPES:
            errors = {shape: worst(shape, dtype, kernel) for shape in SHAPES}
            bad = [shape for shape, error in errors.items() if not error <= 1]
            wrong += bool(bad)
            found = f"WRONG at {bad}" if bad else "right"
            print(f"{kernel:<22}{dtype:<10}{found}, worst {max(errors.values()):.2g} of the bound", flush=True)
    return int(wrong > 0)
