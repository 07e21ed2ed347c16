"""Every kernel in every precision against float64 on the card, before anything is timed."""

import cupy
import ml_dtypes
import numpy as np

import nbbilinear as nbl
from nbbilinear import backends

from .shapes import SHAPES, WAYS, stored

ROWS = 2048  # of the shapes that have more: what goes wrong in a tile goes wrong here


def operands(shape, dtype):
    """x1, x2, weight, bias, and the gradient of y."""
    rows, in1, in2, out = shape
    rng = cupy.random.default_rng(0)
    sizes = (rows, in1), (rows, in2), (out, in1, in2), (out,), (rows, out)
    wide = "float64" if dtype == "float64" else "float32"
    return [rng.standard_normal(size, dtype=wide).astype(stored(dtype)) for size in sizes]


def kernels(precision="float32"):
    """Every kernel for rows that computes float32 in this precision, by name."""
    found = [kernel for place in ("cuda", "cupy") for kernel in backends.backend(place).kernels]
    names = [kernel.name for kernel in found if kernel.structure == "rows" and precision in kernel.precisions]
    return tuple(dict.fromkeys(names))


def errors(shape, way, rows=ROWS):
    """For every kernel the largest error of y and its gradients, in units of the bound for any order of summation.

    Of at most so many ``rows``.
    """
    rows, in1, in2, out = shape = (min(shape[0], rows), *shape[1:])
    *given, g = operands(shape, way.dtype)
    wide = [a.astype("f8") for a in (*given, g)]
    want, size = faces(*wide), faces(*map(cupy.abs, wide))
    terms = in1 * in2 + 1, out * in2, out * in1, rows, rows
    summed, rounded = np.finfo("f8" if way.dtype == "float64" else "f4").eps, ml_dtypes.finfo(stored(way.dtype)).eps
    worst = {}
    for kernel in kernels(way.precision):
        with nbl.config(precision=way.precision):
            try:
                found = (
                    nbl.bilinear(*given, backend=kernel), *nbl.bilinear_backward(g, *given, backend=kernel)
                )  # fmt: skip
            except nbl.BackendError:
                try:  # some kernels are for gradients alone
                    found = (None, *nbl.bilinear_backward(g, *given, backend=kernel))
                except nbl.BackendError:
                    continue
        used = [0.0]
        for n, one, true, magnitude in zip(terms, found, want, size, strict=True):
            if one is not None:
                bound = ((n + 3) * summed + way.error) * magnitude + rounded * abs(true) + 1e-30
                used.append(float((abs(one.astype("f8") - true) / bound).max()))
        worst[kernel] = max(used) if all(error == error for error in used) else float("nan")
    return worst


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
    """Print a line for every kernel and way to multiply; return 1 where one is wrong."""
    wrong = 0
    for way in WAYS:
        found = {}
        for shape in SHAPES:
            for kernel, error in errors(shape, way).items():
                found.setdefault(kernel, {})[shape] = error
        for kernel, by_shape in found.items():
            bad = [shape for shape, error in by_shape.items() if not error <= 1]
            wrong += bool(bad)
            verdict = f"WRONG at {bad}" if bad else "right"
            worst = max(by_shape.values())
            print(
                f"{kernel:<22}{way.label:<20}{verdict} at {len(by_shape)} shapes, worst {worst:.2g} of the bound",
                flush=True,
            )
    return int(wrong > 0)
