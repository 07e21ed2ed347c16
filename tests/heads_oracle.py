"""Heads by their definition: every matrix in full, every sum an einsum, no softmax trick; real or complex numbers.

It imports nothing of the package. ``parts`` is a head's config, as JSON.
"""

import numpy as np


def weight(w, rows, columns, part):
    """The matrices (channels, rows, columns) of vectors w, number by number."""
    kind, rank = part["kind"], part.get("rank")
    if kind == "full":
        return w.reshape(len(w), rows, columns)
    if kind == "low_rank":
        a, b = _cut(w, (rows, rank), (rank, columns))
        return np.einsum("crk,ckm->crm", a, b)
    p, q = part["p"] or _close(rows), part["q"] or _close(columns)
    s, t = rows // p, columns // q
    if kind == "hm":
        u, v = _cut(w, (p, q), (s, t))
    elif kind == "lphm":
        u, left, right = _cut(w, (p, q), (s, rank), (rank, t))
        v = np.einsum("csr,crt->cst", left, right)
    else:
        one, other, left, right = _cut(w, (p, rank), (rank, q), (s, rank), (rank, t))
        u, v = np.einsum("cpr,crq->cpq", one, other), np.einsum("csr,crt->cst", left, right)
    whole = np.empty((len(w), rows * columns), w.dtype)
    for flat in range(rows * columns):
        if part["layout"] == "tinybig":
            first, second = divmod(flat, s * t)
            whole[:, flat] = u.reshape(len(w), -1)[:, first] * v.reshape(len(w), -1)[:, second]
        else:
            row, column = divmod(flat, columns)
            whole[:, flat] = u[:, row // s, column // t] * v[:, row % s, column % t]
    return whole.reshape(len(w), rows, columns)


def transformed(x, part):
    """Rows with all their powers."""
    powers, last = [], np.ones((*x.shape[:-1], 1))
    for _ in range(part.get("degree", 1)):
        last = np.einsum("...a,...m->...am", last, x).reshape(*x.shape[:-1], -1)
        powers.append(last)
    return np.concatenate(powers, axis=-1)


def shares(scores, mode, mask):
    """R (channels, rows, queries) of scores in tinyBIG's order; mask is True where one counts."""
    for axis in {"column": (1,), "row": (2,), "row_column": (2, 1)}[mode]:
        e = np.where(mask, np.exp(scores - scores.real.max()), 0)
        total = e.sum(axis=axis, keepdims=True)
        scores = e / np.where(total == 0, 1, total)
    return scores


def attended(parts, x, rows, mask, p):
    """R (channels, rows, queries) and y (queries, n), before output processing."""
    m, n = x.shape[1], parts["n"]
    scale = {"multiply": n**0.5, "divide": n**-0.5}.get(parts["scale"], parts["scale"])
    values = rows[None]
    if parts["attribute_interdependence"]:
        w = weight(p["w_attribute_interdependence"], len(rows), len(rows), parts["attribute_interdependence"])
        scores = np.einsum("ai,cab,bj->cij", rows, w, rows)
        values = np.einsum("ai,cij->caj", rows, shares(scores, "column", np.ones(scores.shape[1:], bool)))
    w = weight(p["w_instance_interdependence"], m, m, parts["interdependence"])
    r = shares(scale * np.einsum("im,cmk,jk->cij", rows, w, x), parts["normalization"], mask)
    k = transformed(values, parts["transform"])
    psi = weight(p["w"], n, k.shape[-1], parts["reconciliation"])
    y = np.einsum("cij,cid,cnd->cjn", r, np.broadcast_to(k, (len(r), *k.shape[1:])), psi)
    y = y + p.get("b", 0)  # in each channel
    y = y.mean(axis=0) if parts["fusion"] == "mean" else y.sum(axis=0)
    return r, y + x @ p["w_remainder"].T if "w_remainder" in p else y


def processed(y, outputs, p):
    """Output layers in training mode; the weights of batch norm are in p by the names of a state."""
    for part in outputs:
        if part["kind"] == "batch_norm":
            centred = y - y.mean(axis=0)
            y = centred / np.sqrt((centred**2).mean(axis=0) + part["eps"])
            y = y * p["outputs.batch_norm.weight"] + p["outputs.batch_norm.bias"]
        elif part["kind"] == "relu":
            y = np.where(y.real > 0, y, 0)
        elif part["kind"] == "softmax":
            e = np.exp(y - y.real.max())
            y = e / e.sum(axis=-1, keepdims=True)
    return y


def directional(function, operands, direction):
    """The derivative of a real function along a direction, by a complex step: exact to rounding."""
    step = 1e-30
    moved = {name: a + 1j * step * direction[name] if name in direction else a for name, a in operands.items()}
    return function(moved).imag / step


def _cut(w, *shapes):
    edges = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])
    return [w[:, a:b].reshape(len(w), *shape) for a, b, shape in zip(edges, edges[1:], shapes, strict=False)]


def _close(size):
    return max(factor for factor in range(1, size + 1) if size % factor == 0 and factor * factor <= size)
