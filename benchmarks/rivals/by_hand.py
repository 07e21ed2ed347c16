"""Good NumPy as one writes it: a forward, which also returns what it keeps, and the backward that takes it.

None bounds its memory.
"""

import numpy as np


def project_forward(x1, x2, weight, bias):
    """t[b,k,i] = W x2 by one GEMM over all weights, then x1."""
    t = (x2 @ weight.reshape(-1, x2.shape[1]).T).reshape(len(x1), len(weight), -1)
    return np.matmul(t, x1[:, :, None])[:, :, 0] + bias, t


def project_backward(g, x1, x2, weight, _, t):
    """dt = g x1; two GEMMs."""
    dt = (g[:, :, None] * x1[:, None, :]).reshape(len(g), -1)
    dx1 = np.matmul(g[:, None, :], t)[:, 0]
    return dx1, dt @ weight.reshape(-1, x2.shape[1]), (dt.T @ x2).reshape(weight.shape), g.sum(axis=0)


def left_forward(x1, x2, weight, bias):
    """t[k,b,j] = x1 W[k] by a GEMM for each k, then x2."""
    t = np.matmul(x1, weight)
    return np.einsum("kbj,bj->bk", t, x2) + bias, t


def left_backward(g, x1, x2, weight, _, t):
    """dt = g x2; two GEMMs for each k."""
    dt = g.T[:, :, None] * x2
    dx1 = np.matmul(dt, weight.transpose(0, 2, 1)).sum(axis=0)
    return dx1, np.einsum("bk,kbj->bj", g, t), np.matmul(x1.T, dt), g.sum(axis=0)


def outer_forward(x1, x2, weight, bias):
    """z[b,ij] = x1 x2, then one GEMM."""
    z = (x1[:, :, None] * x2[:, None, :]).reshape(len(x1), -1)
    return z @ weight.reshape(len(weight), -1).T + bias, z


def outer_backward(g, x1, x2, weight, _, z):
    """u = g W; two GEMMs."""
    u = (g @ weight.reshape(len(weight), -1)).reshape(len(g), x1.shape[1], x2.shape[1])
    dx1, dx2 = np.matmul(u, x2[:, :, None])[:, :, 0], np.matmul(x1[:, None, :], u)[:, 0]
    return dx1, dx2, (g.T @ z).reshape(weight.shape), g.sum(axis=0)


def pairs_forward(x1, x2, weight, bias):
    """t[s,n,k,j] = x1 W[k] for all k by one GEMM, then x2 by one more for each s."""
    k, i, j = weight.shape
    t = (x1.reshape(-1, i) @ weight.transpose(1, 0, 2).reshape(i, k * j)).reshape(len(x1), -1, j)
    y = np.matmul(t, x2.transpose(0, 2, 1)).reshape(len(x1), x1.shape[1], k, -1)
    return y.transpose(0, 1, 3, 2) + bias, t


def pairs_backward(g, x1, x2, weight, _, t):
    """dt = g x2; then two GEMMs over all rows, and one for each s."""
    k, i, j = weight.shape
    gt = g.transpose(0, 1, 3, 2).reshape(len(g), -1, g.shape[2])
    dt = np.matmul(gt, x2).reshape(-1, k * j)
    dx1 = (dt @ weight.transpose(0, 2, 1).reshape(k * j, i)).reshape(x1.shape)
    dweight = (x1.reshape(-1, i).T @ dt).reshape(i, k, j).transpose(1, 0, 2)
    return dx1, np.matmul(gt.transpose(0, 2, 1), t), dweight, g.sum(axis=(0, 1, 2))


def per_relation_forward(x1, x2, weight, index):
    """The rows of one relation after those of another."""
    y, kept = np.empty(len(x1), x1.dtype), []
    for relation in np.unique(index):
        rows = np.flatnonzero(index == relation)
        some, others = x1[rows], x2[rows]
        t = some @ weight[relation]
        y[rows] = np.einsum("bj,bj->b", t, others)
        kept.append((relation, rows, some, others, t))
    return y, kept


def per_relation_backward(g, x1, x2, weight, _, kept):
    """dt = g x2; two GEMMs for each relation."""
    dx1, dx2, dweight = np.empty_like(x1), np.empty_like(x2), np.zeros_like(weight)
    for relation, rows, some, others, t in kept:
        scale = g[rows, None]
        dt = scale * others
        dx1[rows], dx2[rows], dweight[relation] = dt @ weight[relation].T, scale * t, some.T @ dt
    return dx1, dx2, dweight


def all_per_relation_forward(x1, x2, weight, index):
    """q = x1 W[r] by relation, then every x2."""
    q, kept = np.empty((len(x1), x2.shape[1]), x1.dtype), []
    for relation in np.unique(index):
        rows = np.flatnonzero(index == relation)
        q[rows] = x1[rows] @ weight[relation]
        kept.append((relation, rows))
    return q @ x2.T, (q, kept)


def all_per_relation_backward(g, x1, x2, weight, _, saved):
    """dq = g x2; then two GEMMs for each relation."""
    q, kept = saved
    dq, dx1, dweight = g @ x2, np.empty_like(x1), np.zeros_like(weight)
    for relation, rows in kept:
        dx1[rows], dweight[relation] = dq[rows] @ weight[relation].T, x1[rows].T @ dq[rows]
    return dx1, g.T @ q, dweight


def quadratic_forward(x, weight, bias):
    """For each A."""
    t = [x @ A for A in weight]
    return np.stack([(some * x).sum(1) for some in t], axis=1) + bias, t


def quadratic_backward(g, x, weight, _, t):
    """dx = g (A x + A' x), dA = (g x)' x."""
    dx, dweight = np.zeros_like(x), np.empty_like(weight)
    for k, A in enumerate(weight):
        scale = g[:, k, None]
        dx += scale * (t[k] + x @ A.T)
        dweight[k] = (scale * x).T @ x
    return dx, dweight, g.sum(axis=0)


FORMS = {
    "project": (project_forward, project_backward),
    "left": (left_forward, left_backward),
    "outer": (outer_forward, outer_backward),
    "pairs": (pairs_forward, pairs_backward),
    "per_relation": (per_relation_forward, per_relation_backward),
    "all_per_relation": (all_per_relation_forward, all_per_relation_backward),
    "quadratic": (quadratic_forward, quadratic_backward),
}


def prepare(form, operands, grad_output):
    """Forward, and forward with backward, which takes what the forward kept."""
    forward, backward = FORMS[form]
    arrays = tuple(operands.values())

    def both():
        y, kept = forward(*arrays)
        return y, *backward(grad_output, *arrays, kept)

    return lambda: forward(*arrays)[0], both
