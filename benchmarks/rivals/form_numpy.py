"""NumPy by hand, with a backward by hand."""

import numpy as np

from .form_programs import PROGRAMS, Program, form_name


def _sparse_arranged(form):
    where = form.where
    values = form.parameters["values"]
    return values if where.order is None else values[where.order], where.k, where.i, where.j, where.shape[0]


def _sparse(_, x1, x2, values, k, i, j, outputs):
    products = x1[:, i] * x2[:, j]
    starts = np.flatnonzero(np.diff(k, prepend=-1))
    y = np.zeros((len(x1), outputs), x1.dtype)
    y[:, k[starts]] = np.add.reduceat(products * values, starts, axis=1)
    return y, products


def _sparse_backward(g, x1, x2, products, values, k, i, j, _):
    by_place = g[:, k]
    dvalues = np.einsum("bz,bz->z", by_place, products)
    by_place = by_place * values
    return _added(by_place * x2[:, j], i, x1.shape[1]), _added(by_place * x1[:, i], j, x2.shape[1]), dvalues


def _added(rows, where, size):
    order = np.argsort(where, kind="stable")
    starts = np.flatnonzero(np.diff(where[order], prepend=-1))
    found = np.zeros((len(rows), size), rows.dtype)
    found[:, where[order][starts]] = np.add.reduceat(rows[:, order], starts, axis=1)
    return found


def _sparse_settled(form, dvalues):
    order = form.where.order
    if order is not None:
        dvalues, found = np.empty_like(dvalues), dvalues
        dvalues[order] = found
    return (dvalues,)


OWN = {"sparse": Program(_sparse_arranged, _sparse, _sparse_backward, _sparse_settled)}


def prepare(_, operands, grad_output):
    """Forward, and forward with backward."""
    form = operands["weight"]
    program = (PROGRAMS | OWN)[form_name(form)]
    x1, x2, arranged = operands["x1"], operands["x2"], program.arrange(form)

    def both():
        y, kept = program.forward(np, x1, x2, *arranged)
        dx1, dx2, *gradients = program.backward(grad_output, x1, x2, kept, *arranged)
        return y, dx1, dx2, *program.settle(form, *gradients)

    return lambda: program.forward(np, x1, x2, *arranged)[0], both
