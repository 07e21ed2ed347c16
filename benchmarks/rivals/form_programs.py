"""Products with a form as one writes them by hand, for NumPy and for torch.

A program has its parameters in the layout it likes, keeps no bound on its memory, and checks nothing. ``arrange``
brings a form's parameters into that layout, before the clock runs; ``settle`` their gradients back, as views.
``forward(xp, x1, x2, *arranged)`` also returns what it keeps for ``backward``, which torch does not need.
"""

from typing import NamedTuple

import numpy as np

from nbbilinear.forms import FORMS


class Program(NamedTuple):
    """How one form is computed by hand."""

    arrange: object
    forward: object
    backward: object
    settle: object


def form_name(form):
    """The name of its kind in the table of forms."""
    return next(name for name, kind in FORMS.items() if type(form) is kind)


def _as_they_are(form):
    return tuple(form.parameters.values())


def _untouched(_, *gradients):
    return gradients


def _diagonal(_, x1, x2, weight):
    products = x1 * x2
    return products @ weight.T, products


def _diagonal_backward(g, x1, x2, products, weight):
    mixed = g @ weight
    return mixed * x2, mixed * x1, g.T @ products


def _complex_diagonal(_, x1, x2, real, imag):
    half = real.shape[1]
    a, b, c, d = x1[:, :half], x1[:, half:], x2[:, :half], x2[:, half:]
    kept = a * c + b * d, a * d - b * c
    return kept[0] @ real.T + kept[1] @ imag.T, kept


def _complex_diagonal_backward(g, x1, x2, kept, real, imag):
    half = real.shape[1]
    a, b, c, d = x1[:, :half], x1[:, half:], x2[:, :half], x2[:, half:]
    r, i = g @ real, g @ imag
    dx1 = np.concatenate([r * c + i * d, r * d - i * c], axis=1)
    dx2 = np.concatenate([r * a - i * b, r * b + i * a], axis=1)
    return dx1, dx2, g.T @ kept[0], g.T @ kept[1]


def _low_rank_arranged(form):
    return tuple(np.ascontiguousarray(a.transpose(1, 0, 2)).reshape(a.shape[1], -1) for a in form.parameters.values())


def _low_rank(xp, x1, x2, left, right, outputs):
    p, q = ((x @ a).reshape(len(x), outputs, -1) for x, a in ((x1, left), (x2, right)))
    return xp.einsum("bkr,bkr->bk", p, q), (p, q)


def _low_rank_backward(g, x1, x2, kept, left, right, _):
    dp, dq = ((g[:, :, None] * other).reshape(len(g), -1) for other in kept[::-1])
    return dp @ left.T, dq @ right.T, x1.T @ dp, x2.T @ dq


def _low_rank_settled(form, *gradients):
    outputs, _, rank = form.parameters["u"].shape
    return tuple(d.reshape(len(d), outputs, rank).transpose(1, 0, 2) for d in gradients)


def _cp(_, x1, x2, a, b, c):
    p, q = x1 @ a, x2 @ b
    z = p * q
    return z @ c.T, (p, q, z)


def _cp_backward(g, x1, x2, kept, a, b, c):
    p, q, z = kept
    dz = g @ c
    dp, dq = dz * q, dz * p
    return dp @ a.T, dq @ b.T, x1.T @ dp, x2.T @ dq, g.T @ z


def _tucker_arranged(form):
    a, b, core, c = form.parameters.values()
    return a, b, np.ascontiguousarray(core.transpose(2, 0, 1)).reshape(core.shape[2], -1), c


def _tucker(xp, x1, x2, a, b, flat, c):
    u, v = x1 @ a, x2 @ b
    t = (v @ flat).reshape(len(v), c.shape[1], -1)
    z = xp.einsum("bsp,bp->bs", t, u)
    return z @ c.T, (u, v, t, z)


def _tucker_backward(g, x1, x2, kept, a, b, flat, c):
    u, v, t, z = kept
    dz = g @ c
    dt = (dz[:, :, None] * u[:, None]).reshape(len(g), -1)
    du, dv = np.einsum("bs,bsp->bp", dz, t), dt @ flat.T
    return du @ a.T, dv @ b.T, x1.T @ du, x2.T @ dv, v.T @ dt, g.T @ z


def _tucker_settled(form, da, db, dflat, dc):
    s, p, q = form.parameters["core"].shape
    return da, db, dflat.reshape(q, s, p).transpose(1, 2, 0), dc


def _blocks_arranged(form):
    (weight,) = form.parameters.values()
    k, blocks, p, q = weight.shape
    return (np.ascontiguousarray(weight.transpose(1, 3, 0, 2)).reshape(blocks, q, k * p),)


def _blocks(xp, x1, x2, stacked, outputs):
    blocks, q, _ = stacked.shape
    x1, x2 = x1.reshape(len(x1), blocks, -1), x2.reshape(-1, blocks, q).swapaxes(0, 1)
    t = (x2 @ stacked).reshape(blocks, len(x1), outputs, -1)
    return xp.einsum("nbkp,bnp->bk", t, x1), (x1, x2, t)


def _blocks_backward(g, _x1, _x2, kept, stacked, _):
    x1, x2, t = kept
    dt = (g[:, :, None] * x1.swapaxes(0, 1)[:, :, None]).reshape(len(stacked), len(g), -1)
    dx1, dx2 = np.einsum("bk,nbkp->bnp", g, t), (dt @ stacked.swapaxes(1, 2)).swapaxes(0, 1)
    return dx1.reshape(len(g), -1), dx2.reshape(len(g), -1), x2.swapaxes(1, 2) @ dt


def _blocks_settled(form, d):
    k, blocks, p, q = form.parameters["weight"].shape
    return (d.reshape(blocks, q, k, p).transpose(2, 0, 3, 1),)


def _biaffine_arranged(form):
    weight, linear1, linear2 = form.parameters.values()
    return np.ascontiguousarray(weight.transpose(2, 0, 1)).reshape(weight.shape[2], -1), linear1, linear2


def _biaffine(_, x1, x2, flat, linear1, linear2):
    t = (x2 @ flat).reshape(len(x2), len(linear1), -1)
    return (t @ x1[:, :, None])[:, :, 0] + x1 @ linear1.T + x2 @ linear2.T, t


def _biaffine_backward(g, x1, x2, t, flat, linear1, linear2):
    dt = (g[:, :, None] * x1[:, None]).reshape(len(g), -1)
    dx1 = (g[:, None] @ t)[:, 0] + g @ linear1
    return dx1, dt @ flat.T + g @ linear2, x2.T @ dt, g.T @ x1, g.T @ x2


def _biaffine_settled(form, dflat, *linear):
    k, i, j = form.parameters["weight"].shape
    return dflat.reshape(j, k, i).transpose(1, 2, 0), *linear


def _kronecker_arranged(form):
    a, b = form.parameters.values()
    return tuple(np.ascontiguousarray(m) for m in (
        a.transpose(2, 0, 1, 3).reshape(a.shape[2], -1), b.transpose(3, 0, 1, 2).reshape(b.shape[3], -1),
    ))  # fmt: skip


def _kronecker(xp, x1, x2, left, right, sizes):
    k, r, p, q, s, t = sizes
    x1, x2 = x1.reshape(-1, p, s).swapaxes(1, 2), x2.reshape(-1, q, t)
    u, v = (x1 @ left).reshape(-1, s, k, r, q), (x2 @ right).reshape(-1, q, k, r, s)
    return xp.einsum("bskrq,bqkrs->bk", u, v), (x1, x2, u, v)


def _kronecker_backward(g, _x1, _x2, kept, left, right, _):
    x1, x2, u, v = kept
    du = (g[:, None, :, None, None] * v.transpose(0, 4, 2, 3, 1)).reshape(*u.shape[:2], -1)
    dv = (g[:, None, :, None, None] * u.transpose(0, 4, 2, 3, 1)).reshape(*v.shape[:2], -1)
    dx1, dx2 = (du @ left.T).swapaxes(1, 2), dv @ right.T
    flat = [a.reshape(-1, a.shape[2]) for a in (x1, du, x2, dv)]
    return dx1.reshape(len(g), -1), dx2.reshape(len(g), -1), flat[0].T @ flat[1], flat[2].T @ flat[3]


def _kronecker_settled(form, da, db):
    (k, r, p, q), (_, _, s, t) = (a.shape for a in form.parameters.values())
    return da.reshape(p, k, r, q).transpose(1, 2, 0, 3), db.reshape(t, k, r, s).transpose(1, 2, 3, 0)


def _block_term_arranged(form):
    a, b, core, c = form.parameters.values()
    n, s, p, q = core.shape
    flat = np.ascontiguousarray(core.transpose(0, 3, 1, 2)).reshape(n, q, s * p)
    return *(np.ascontiguousarray(m.transpose(1, 0, 2)).reshape(m.shape[1], -1) for m in (a, b)), flat, c


def _block_term(xp, x1, x2, a, b, flat, c):
    n, q, _ = flat.shape
    u, v = (x1 @ a).reshape(len(x1), n, -1), (x2 @ b).reshape(len(x2), n, q).swapaxes(0, 1)
    t = (v @ flat).reshape(n, len(u), c.shape[2], -1)
    z = xp.einsum("nbsp,bnp->bns", t, u).reshape(len(u), -1)
    return z @ c.reshape(len(c), -1).T, (u, v, t, z)


def _block_term_backward(g, x1, x2, kept, a, b, flat, c):
    u, v, t, z = kept
    dz = (g @ c.reshape(len(c), -1)).reshape(len(g), len(flat), -1)
    dt = (dz.swapaxes(0, 1)[..., None] * u.swapaxes(0, 1)[:, :, None]).reshape(len(flat), len(g), -1)
    du, dv = np.einsum("bns,nbsp->bnp", dz, t).reshape(len(g), -1), (dt @ flat.swapaxes(1, 2)).swapaxes(0, 1)
    dv = dv.reshape(len(g), -1)
    return du @ a.T, dv @ b.T, x1.T @ du, x2.T @ dv, v.swapaxes(1, 2) @ dt, (g.T @ z).reshape(c.shape)


def _block_term_settled(form, da, db, dflat, dc):
    n, s, p, q = form.parameters["core"].shape
    da, db = (d.reshape(len(d), n, -1).transpose(1, 0, 2) for d in (da, db))
    return da, db, dflat.reshape(n, q, s, p).transpose(0, 2, 3, 1), dc


def _outputs(form):
    return form.sizes["k"]


def _with(arrange, constant):
    """The arranged parameters, and a constant after them."""
    return lambda form: (*arrange(form), constant(form))


def _kronecker_sizes(form):
    return tuple(form.sizes[letter] for letter in "krpqst")


PROGRAMS = {
    "diagonal": Program(_as_they_are, _diagonal, _diagonal_backward, _untouched),
    "complex_diagonal": Program(_as_they_are, _complex_diagonal, _complex_diagonal_backward, _untouched),
    "low_rank": Program(_with(_low_rank_arranged, _outputs), _low_rank, _low_rank_backward, _low_rank_settled),
    "cp": Program(_as_they_are, _cp, _cp_backward, _untouched),
    "tucker": Program(_tucker_arranged, _tucker, _tucker_backward, _tucker_settled),
    "block_term": Program(_block_term_arranged, _block_term, _block_term_backward, _block_term_settled),
    "block_diagonal": Program(_with(_blocks_arranged, _outputs), _blocks, _blocks_backward, _blocks_settled),
    "kronecker": Program(
        _with(_kronecker_arranged, _kronecker_sizes), _kronecker, _kronecker_backward, _kronecker_settled
    ),
    "biaffine": Program(_biaffine_arranged, _biaffine, _biaffine_backward, _biaffine_settled),
}
