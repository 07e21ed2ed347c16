"""The shapes every kernel is held to: one named case for each way the leading axes can meet.

A case maps four sizes (r, s: rows; k: out; and in1, in2) to the shapes of the operands. Add a line, and every kernel,
layout and check meets it.
"""

from typing import NamedTuple

import numpy as np

from nbbilinear import backends, plan
from nbbilinear.errors import BackendError


class Shapes(NamedTuple):
    x1: tuple
    x2: tuple
    weight: tuple
    bias: tuple | None
    index: tuple | None = None


def _shapes(r, s, k, i, j):
    w = (k, i, j)
    return {
        "rows": Shapes((r, i), (r, j), w, (k,)),
        "no batch": Shapes((i,), (j,), w, (k,)),
        "no out axis": Shapes((r, i), (r, j), (i, j), ()),
        "no bias": Shapes((s, r, i), (s, r, j), w, None),
        "bias row": Shapes((r, i), (r, j), w, (1, k)),
        "bias of y": Shapes((r, i), (r, j), w, (r, k)),
        "one against rows": Shapes((i,), (r, j), w, (k,)),
        "rows against one": Shapes((r, i), (1, j), w, (k,)),
        "pairs": Shapes((r, 1, i), (1, s, j), w, (k,)),
        "pairs without out axis": Shapes((r, 1, i), (s, j), (i, j), None),
        "pairs in batches": Shapes((2, r, 1, i), (2, 1, s, j), w, (k,)),
        "pairs, interleaved": Shapes((r, 2, 1, i), (1, 2, s, j), w, (k,)),
        "pairs, bias of x2": Shapes((r, 1, i), (1, s, j), w, (s, k)),
        "pairs, shared last": Shapes((r, 1, 2, i), (1, s, 2, j), w, (k,)),
        "stacked weight": Shapes((r, 1, i), (r, s, j), (r, 1, *w), (k,)),
        "stacked weight, shared": Shapes((r, s, i), (r, s, j), (r, 1, *w), None),
        "stacked weight of x1": Shapes((r, 1, i), (s, j), (r, 1, *w), (k,)),
        "stacked weight of both": Shapes((r, 1, i), (1, s, j), (r, s, *w), (r, s, k)),
        "stacked weight alone": Shapes((s, i), (s, j), (r, 1, *w), (k,)),
        "index": Shapes((r, i), (r, j), (3, i, j), (3,), (r,)),
        "index, out axis": Shapes((r, i), (r, j), (3, *w), (3, k), (r,)),
        "index, one for all": Shapes((r, i), (r, j), (3, i, j), (3,), ()),
        "index, one against all": Shapes((r, 1, i), (1, s, j), (3, i, j), (3,), (r, 1)),
        "index, all against one": Shapes((1, s, i), (r, 1, j), (3, *w), (3, k), (r, 1)),
        "index of x2": Shapes((r, 1, i), (1, s, j), (3, *w), None, (s,)),
        "index of pairs": Shapes((r, 1, i), (1, s, j), (3, *w), (3, k), (r, s)),
        "index of shared, in pairs": Shapes((2, r, 1, i), (2, 1, s, j), (3, i, j), (3,), (2, 1, 1)),
        "index alone": Shapes((i,), (j,), (3, *w), (3, k), (r,)),
        "index alone, in rows": Shapes((r, 1, i), (r, 1, j), (3, i, j), (3,), (s,)),
    }  # fmt: skip


NAMES = tuple(_shapes(1, 1, 1, 1, 1))


def shapes(name, r=3, s=4, k=2, i=5, j=3):
    return _shapes(r, s, k, i, j)[name]


def operands(some, dtype, rng, values=None):
    """Operands of these shapes; ``values(rng, shape)`` draws them."""
    draw = values or (lambda rng, shape: rng.normal(size=shape))
    arrays = [None if shape is None else draw(rng, shape).astype(dtype) for shape in some[:4]]
    index = None if some.index is None else np.asarray(rng.integers(-some.weight[0], some.weight[0], some.index))
    return dict(zip(Shapes._fields, [*arrays, index], strict=True))


def kernels():
    """The names of all kernels of all backends that run here.

    A kernel for pairs alone goes by the name of its family: pairs with a single row on one side are rows.
    """
    found = []
    for place in backends.names("numpy"):
        try:
            here = backends.backend(place).kernels
        except BackendError:
            continue  # backends that are absent are reported by `nbbilinear info`
        rows = {kernel.name for kernel in here if kernel.structure == "rows"}
        found += [kernel.name if kernel.name in rows else kernel.name.partition(".")[0] for kernel in here]
    return tuple(dict.fromkeys(found))


def taken():
    """(kernel, case) for all cases that a kernel takes."""
    return [(kernel, name) for kernel in kernels() for name in NAMES if takes(kernel, name)]


def takes(kernel, name, dtype="float64"):
    try:
        plan(*shapes(name)[:4], index=shapes(name).index, dtype=dtype, backend=kernel)
    except BackendError:
        return False
    return True


def y_shape(some):
    index, weight = some.index, some.weight
    lead = np.broadcast_shapes(some.x1[:-1], some.x2[:-1], weight[:-3] if index is None else index)
    return (*lead, weight[-3]) if len(weight) >= (3 if index is None else 4) else lead


def small_integers(rng, shape):
    return rng.integers(-3, 4, shape).astype(float)


def definition(x1, x2, weight, bias, index):
    """The product by NumPy, integers in float64."""
    if index is not None:
        weight, bias = weight[index], None if bias is None else bias[index]
    out_axis = weight.ndim - (0 if index is None else index.ndim) >= 3
    subscripts = "...i,...kij,...j->...k" if out_axis else "...i,...ij,...j->..."
    y = np.einsum(subscripts, x1, weight, x2)
    return y if bias is None else y + bias
