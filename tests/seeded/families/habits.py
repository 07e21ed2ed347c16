"""What careless kernels do: wrappers around the definition."""

from functools import partial

import numpy as np

from nbbilinear.backends import numpy as place

from ..bugs import Bug
from ..changed import forget
from .loops import conformance


def after_forward(change):
    """A forward that computes and then does ``change(x1, x2, weight, bias, out)``."""

    def wrap(kernel):
        def forward(x1, x2, weight, bias, which, out, workspace):
            kernel.forward(x1, x2, weight, bias, which, out, workspace)
            change(x1, x2, weight, bias, out)

        return kernel._replace(forward=forward)

    return wrap


def before_forward(change):
    """A forward that computes with the operands ``change(x1, x2, weight)`` returns."""

    def wrap(kernel):
        def forward(x1, x2, weight, bias, which, out, workspace):
            kernel.forward(*change(x1, x2, weight), bias, which, out, workspace)

        return kernel._replace(forward=forward)

    return wrap


def after_backward(change):
    """A backward that computes and then does ``change(gradients of x1, x2, weight, bias; rows)``."""

    def wrap(kernel):
        def backward(g, x1, x2, weight, which, dx1, dx2, dweight, dbias, workspace, accumulate):
            kernel.backward(g, x1, x2, weight, which, dx1, dx2, dweight, dbias, workspace, accumulate)
            change(dx1, dx2, dweight, dbias, len(x2))

        return kernel._replace(backward=backward)

    return wrap


def nan_leaks(x1, x2, weight, bias, out):
    if np.isnan(out[2:3]).any():
        out[1] = np.nan


def exchanged(dx1, dx2, dweight, dbias, rows):
    if dx1 is not None and dx2 is not None and dx1.shape == dx2.shape:
        dx1[...], dx2[...] = dx2.copy(), dx1.copy()


def scale_bias(factor):
    def change(dx1, dx2, dweight, dbias, rows):
        if dbias is not None:
            dbias *= factor(rows)

    return change


HABITS = {
    "is right only in norm": before_forward(lambda x1, x2, w: (x1 + 1e-15 * abs(x1).max(), x2, w)),
    "transposes a square weight": before_forward(
        lambda x1, x2, w: (x1, x2, w.swapaxes(-1, -2) if w.shape[-1] == w.shape[-2] else w)
    ),
    "rounds in2 down to whole vectors": before_forward(lambda x1, x2, w: (x1, x2 * (np.arange(x2.shape[-1]) < x2.shape[-1] // 4 * 4), w)),
    "computes float64 in float32": before_forward(lambda x1, x2, w: (x1.astype("f4"), x2.astype("f4"), w.astype("f4"))),
    "skips zeros": before_forward(lambda x1, x2, w: (x1, x2, np.nan_to_num(w, nan=0, posinf=0, neginf=0) if (x1 == 0).any() else w)),
    "hides NaN": after_forward(lambda x1, x2, w, bias, out: np.nan_to_num(out, copy=False)),
    "flushes subnormals": after_forward(lambda x1, x2, w, bias, out: out.__setitem__(abs(out) < 1e-300, 0)),
    "lets NaN leak to a neighbour": after_forward(nan_leaks),
    "scales an input in place": after_forward(lambda x1, x2, w, bias, out: np.multiply(x1, 2, out=x1, casting="unsafe")),
    "sums in random order": after_forward(lambda x1, x2, w, bias, out: np.multiply(out, 1 + 4e-16 * np.random.default_rng().integers(2, size=out.shape), out=out, casting="unsafe")),
    "forgets the bias": after_forward(lambda x1, x2, w, bias, out: None if bias is None else out.__isub__(bias[0])),
    "exchanges dx1 and dx2": after_backward(exchanged),
    "doubles the bias gradient": after_backward(scale_bias(lambda rows: 2)),
    "averages the bias gradient": after_backward(scale_bias(lambda rows: 1 / rows)),
    "averages the weight gradient": after_backward(lambda dx1, dx2, dw, db, rows: None if dw is None else dw.__itruediv__(rows)),
}  # fmt: skip


def wear(habit):
    """Have the definition do this."""
    kernels = tuple(habit(one) if one.name == "numpy/einsum" else one for one in place.BACKEND.kernels)
    place.BACKEND = place.BACKEND._replace(kernels=kernels)
    forget()


BUGS = [
    Bug(f"a kernel that {name}", partial(wear, habit), conformance("numpy/einsum")) for name, habit in HABITS.items()
]
