"""The definition in plain Python: every term by itself, summed by ``math.fsum``, with the error a computation may have.

Slow on purpose. It imports nothing of the package, and nothing of the package imports it.
"""

from itertools import product
from math import fsum, isfinite
from typing import NamedTuple

import numpy as np


class Exact(NamedTuple):
    """A result, the sum of its terms' magnitudes, and the number of terms of an element."""

    value: np.ndarray
    magnitude: np.ndarray
    terms: np.ndarray

    def bound(self, dtype):
        """What rounding may do: gamma_n times the magnitudes, for n operations on a term in any order of summation.

        Each term takes part in at most ``terms`` additions and three products (the oracle's own included); underflow
        may take half a smallest subnormal per operation.
        """
        info = np.finfo(dtype)
        n = (self.terms + 4.0) * (float(info.eps) / 2)
        tiny = float(info.smallest_subnormal) * (self.terms + 4.0) * (1 + self.magnitude)
        return n / (1 - n) * self.magnitude + tiny


def faces(x1, x2, weight, bias=None, index=None, grad_output=None):
    """y, and with ``grad_output`` the gradients of all operands, by operand name."""
    lead_weight = weight.shape[:-3] if index is None else index.shape
    lead = np.broadcast_shapes(x1.shape[:-1], x2.shape[:-1], lead_weight)
    out_axis = weight.ndim >= (3 if index is None else 4)
    in1, in2 = weight.shape[-2:]
    out_features = weight.shape[-3] if out_axis else 1
    y_shape = (*lead, out_features) if out_axis else lead
    rows = range(int(np.prod(lead)))
    row1, row2 = (_row_numbers(x.shape[:-1], lead) for x in (x1, x2))
    which = _row_numbers(lead_weight, lead) if index is None else _wrapped(index, len(weight), lead)
    bias_number = _bias_numbers(bias, index, which, y_shape, lead, out_features)
    a, c = _flat(x1, 1), _flat(x2, 1)
    w = _flat(weight[..., None, :, :] if not out_axis else weight, 3)
    g = None if grad_output is None else _flat(grad_output if out_axis else grad_output[..., None], 1)
    sums = {"y": {}, "x1": {}, "x2": {}, "weight": {}, "bias": {}}

    def add(name, where, term):
        sums[name].setdefault(where, []).append(term)

    for b, k in product(rows, range(out_features)):
        if bias is not None:
            add("y", (b, k), bias.reshape(-1)[bias_number[b, k]].item())
        for i, j in product(range(in1), range(in2)):
            add("y", (b, k), a[row1[b]][i] * w[which[b]][k][i][j] * c[row2[b]][j])
        if g is None:
            continue
        if bias is not None:
            add("bias", (bias_number[b, k],), g[b][k])
        for i, j in product(range(in1), range(in2)):
            w_kij, x1_i, x2_j, g_bk = w[which[b]][k][i][j], a[row1[b]][i], c[row2[b]][j], g[b][k]
            add("x1", (row1[b], i), g_bk * w_kij * x2_j)
            add("x2", (row2[b], j), g_bk * w_kij * x1_i)
            add("weight", (which[b], k, i, j), g_bk * x1_i * x2_j)
    shapes = {
        "y": (y_shape, (len(rows), out_features)), "x1": (x1.shape, (len(a), in1)), "x2": (x2.shape, (len(c), in2)),
        "weight": (weight.shape, (len(w), out_features, in1, in2)),
    }  # fmt: skip
    if bias is not None:
        shapes["bias"] = (bias.shape, (bias.size,))
    return {name: _summed(sums[name], *shape) for name, shape in shapes.items() if name == "y" or g is not None}


def whole(x1, x2, weight, bias=None, index=None, grad_output=None):
    """As ``faces`` for whole numbers, in int64: exact at sizes that a sum written out is too slow for."""
    lead_weight = weight.shape[:-3] if index is None else index.shape
    lead = np.broadcast_shapes(x1.shape[:-1], x2.shape[:-1], lead_weight)
    out_axis = weight.ndim >= (3 if index is None else 4)
    w = _stack(weight if out_axis else weight[..., None, :, :], 3)
    which = _row_numbers(lead_weight, lead) if index is None else _wrapped(index, len(weight), lead)
    row1, row2 = (_row_numbers(x.shape[:-1], lead) for x in (x1, x2))
    a, c, g = _stack(x1, 1), _stack(x2, 1), _stack(grad_output if out_axis else grad_output[..., None], 1)
    y_shape = (*lead, w.shape[1]) if out_axis else lead
    y = np.einsum("bi,bkij,bj->bk", a[row1], w[which], c[row2])
    x1_b, x2_b = np.einsum("bk,bkij,bj->bi", g, w[which], c[row2]), np.einsum("bk,bkij,bi->bj", g, w[which], a[row1])
    found = {
        "x1": _added(x1.shape, a.shape, row1, x1_b),
        "x2": _added(x2.shape, c.shape, row2, x2_b),
        "weight": _added(weight.shape, w.shape, which, np.einsum("bk,bi,bj->bkij", g, a[row1], c[row2])),
    }
    if bias is not None:
        number = _bias_numbers(bias, index, which, y_shape, lead, w.shape[1]).reshape(y.shape)
        y = y + bias.reshape(-1).astype(np.int64)[number]
        found["bias"] = _added(bias.shape, (bias.size,), number, g)
    return found | {"y": y.reshape(y_shape)}


def _stack(array, features):
    lead = array.shape[: array.ndim - features]
    return array.reshape(int(np.prod(lead)), *array.shape[array.ndim - features :]).astype(np.int64)


def _added(shape, flat, where, terms):
    total = np.zeros(flat, np.int64)
    np.add.at(total, where, terms)
    return total.reshape(shape)


def _flat(array, features):
    """Nested lists with the leading axes merged."""
    lead = array.shape[: array.ndim - features]
    return array.reshape(int(np.prod(lead)), *array.shape[array.ndim - features :]).tolist()


def _row_numbers(own, lead):
    return np.broadcast_to(np.arange(int(np.prod(own))).reshape(own), lead).reshape(-1)


def _wrapped(index, count, lead):
    return np.broadcast_to(np.where(index < 0, index + count, index), lead).reshape(-1)


def _bias_numbers(bias, index, which, y_shape, lead, out_features):
    if bias is None:
        return None
    if index is not None:
        return which[:, None] * out_features + np.arange(out_features)
    return np.broadcast_to(np.arange(bias.size).reshape(bias.shape), y_shape).reshape(int(np.prod(lead)), out_features)


def _summed(terms, shape, flat):
    value, magnitude, count = (np.zeros(shape) for _ in range(3))
    views = [array.reshape(flat) for array in (value, magnitude, count)]
    for where, some in terms.items():
        finite = all(map(isfinite, some))
        views[0][where] = fsum(some) if finite else np.sum(some)
        views[1][where] = fsum(map(abs, some)) if finite else np.inf
        views[2][where] = len(some)
    return Exact(value, magnitude, count)
