"""What other libraries compute with structured weights, in their own formulas, line for line."""

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear import forms


def test_block_diagonal_of_the_forum():
    """discuss.pytorch.org/t/194429, which asked for it without the zeros."""
    x = np.arange(12.0).reshape(3, 4)
    blocks = np.array([[[0.0, 1.0], [2.0, 3.0]], [[0.0, -1.0], [-2.0, -3.0]]])
    form = forms.BlockDiagonal(np.stack([blocks, 2 * blocks]))
    y = nbl.bilinear(x, x, form, np.array([0.0, 1.0]))
    np.testing.assert_array_equal(y, [[-42, -83], [-138, -275], [-234, -467]])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("bias_x", [False, True])
@pytest.mark.parametrize("bias_y", [False, True])
@pytest.mark.parametrize("scale", [0, 0.5])
def test_supar_biaffine(rng, bias_x, bias_y, scale):
    x, y, weight = rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 4, 5)), rng.normal(size=(6, 5 + bias_x, 5 + bias_y))
    one, other = (
        np.concatenate([a, np.ones((*a.shape[:-1], 1))], -1) if add else a for a, add in ((x, bias_x), (y, bias_y))
    )
    theirs = np.einsum("bxi,oij,byj->boxy", one, weight, other) / 5**scale
    form, bias = forms.from_supar(weight, bias_x=bias_x, bias_y=bias_y, scale=scale)
    np.testing.assert_allclose(
        nbl.bilinear_pairs(x, y, form, bias).transpose(0, 3, 1, 2), theirs, rtol=1e-12, atol=1e-12
    )
    single, corner = forms.from_supar(weight[:1], bias_x=bias_x, bias_y=bias_y, scale=scale)
    squeezed = nbl.bilinear_pairs(x, y, single, corner)[..., 0]  # `s.squeeze(1)`
    np.testing.assert_allclose(squeezed, theirs[:, 0], rtol=1e-12, atol=1e-12)


def test_supar_decompose_is_rank_one(rng):
    x, y, wx, wy = (rng.normal(size=shape) for shape in ((2, 3, 5), (2, 4, 5), (6, 5), (6, 5)))
    theirs = np.einsum("bxi,oi,oj,byj->boxy", x, wx, wy, y)
    ours = nbl.bilinear_pairs(x, y, forms.LowRank(wx[..., None], wy[..., None]))
    np.testing.assert_allclose(ours.transpose(0, 3, 1, 2), theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("labels", [1, 3])
@pytest.mark.parametrize("use_input_biases", [False, True])
def test_allennlp_bilinear_matrix_attention(rng, labels, use_input_biases):
    more = int(use_input_biases)
    x, y, bias = rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 4, 6)), rng.normal(size=1)
    weight = rng.normal(size=(*((labels,) if labels > 1 else ()), 5 + more, 6 + more))
    one, other = (np.concatenate([a, np.ones((*a.shape[:-1], 1))], -1) if more else a for a in (x, y))
    theirs = one[:, None] @ weight @ other[:, None].swapaxes(-1, -2)
    theirs = (theirs[:, 0] if labels == 1 else theirs) + bias
    form, constant = forms.from_allennlp(weight, bias, use_input_biases=use_input_biases)
    ours = nbl.bilinear_pairs(x, y, form, constant)
    np.testing.assert_allclose(ours if labels == 1 else ours.transpose(0, 3, 1, 2), theirs, rtol=1e-12, atol=1e-12)


def test_chainer_bilinear(rng):
    e1, e2 = rng.normal(size=(7, 2, 3)), rng.normal(size=(7, 4))
    weight, v1, v2, b = (rng.normal(size=shape) for shape in ((6, 4, 5), (6, 5), (4, 5), (5,)))
    flat = e1.reshape(7, -1)
    theirs = np.einsum("ij,ik,jkl->il", flat, e2, weight)
    np.testing.assert_allclose(nbl.bilinear(flat, e2, *forms.from_chainer(weight)), theirs, rtol=1e-12, atol=1e-12)
    whole = nbl.bilinear(flat, e2, *forms.from_chainer(weight, v1, v2, b))
    np.testing.assert_allclose(whole, theirs + flat @ v1 + e2 @ v2 + b, rtol=1e-12, atol=1e-12)
    for some in ((v1, None, None), (None, v2, b)):
        with pytest.raises(ValueError, match="together or not at all"):
            forms.from_chainer(weight, *some)


def test_pykeen_distmult_and_complex(rng):
    h, t, relations = rng.normal(size=(2, 8)), rng.normal(size=(2, 8)), np.array([4, 0])
    r = rng.normal(size=(5, 8))
    theirs = (h * r[relations] * t).sum(-1)
    np.testing.assert_allclose(nbl.bilinear(h, t, forms.Diagonal(r), index=relations), theirs, rtol=1e-12, atol=1e-12)
    hc, tc, rc = (a[..., :4] + 1j * a[..., 4:] for a in (h, t, r))
    theirs = np.real(np.einsum("bd,bd,bd->b", hc, rc[relations], tc.conj()))
    form = forms.ComplexDiagonal(rc.real, rc.imag)
    np.testing.assert_allclose(nbl.bilinear(h, t, form, index=relations), theirs, rtol=1e-12, atol=1e-12)
    every = rng.normal(size=(9, 8))
    scores = nbl.bilinear(h[:, None], every[None], form, index=relations[:, None])
    conjugates = (every[..., :4] + 1j * every[..., 4:]).conj()
    np.testing.assert_allclose(
        scores, np.real(np.einsum("bd,bd,nd->bn", hc, rc[relations], conjugates)), rtol=1e-11, atol=1e-12
    )


def test_pykeen_cp(rng):
    """``...kd,...kd,...kd->...``: entities have a head and a tail embedding, of rank k each."""
    h, r, t = (rng.normal(size=(2, 3, 4)) for _ in range(3))
    theirs = np.einsum("...kd,...kd,...kd->...", h, r, t)
    flat = forms.Diagonal(r.reshape(2, 12))
    np.testing.assert_allclose(
        nbl.bilinear(h.reshape(2, 12), t.reshape(2, 12), flat, index=np.arange(2)), theirs, rtol=1e-12
    )


def test_pykeen_tucker(rng):
    """TuckER's ``ijk,...i,...j,...k->...``: the relation picks a row of c; core shared, no matrices at the sides."""
    h, t, r, core = (rng.normal(size=shape) for shape in ((7, 4), (7, 4), (5, 3), (4, 3, 4)))
    relations = rng.integers(5, size=7)
    theirs = np.einsum("ijk,bi,bj,bk->b", core, h, r[relations], t)
    form = forms.Tucker(np.eye(4)[None], np.eye(4)[None], core.transpose(1, 0, 2)[None], r)
    np.testing.assert_allclose(nbl.bilinear(h, t, form, index=relations), theirs, rtol=1e-11, atol=1e-12)


def test_pykeen_ntn(rng):
    """u' tanh(h W t + Vh h + Vt t + b), for all tails at once."""
    h, t, w, vh, vt, b, u = (rng.normal(size=s) for s in ((4,), (9, 4), (3, 4, 4), (3, 4), (3, 4), (3,), (3,)))
    theirs = np.tanh(np.einsum("i,kij,nj->nk", h, w, t) + vh @ h + t @ vt.T + b) @ u
    ours = np.tanh(nbl.bilinear(h, t, forms.Biaffine(w, vh, vt), b)) @ u
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_cadene_mlb_mutan_and_block(rng):
    x1, x2 = rng.normal(size=(7, 6)), rng.normal(size=(7, 5))
    a, b, c = rng.normal(size=(6, 8)), rng.normal(size=(5, 8)), rng.normal(size=(4, 8))
    np.testing.assert_allclose(
        nbl.bilinear(x1, x2, forms.CP(a, b, c)), ((x1 @ a) * (x2 @ b)) @ c.T, rtol=1e-11, atol=1e-12
    )
    chunks, merge = rng.normal(size=(2, 3, 4, 4)), rng.normal(size=(4, 2, 3))
    z = np.concatenate(
        [
            np.einsum("bp,spq,bq->bs", (x1 @ a)[:, 4 * n : 4 * n + 4], chunks[n], (x2 @ b)[:, 4 * n : 4 * n + 4])
            for n in range(2)
        ],
        1,
    )
    form = forms.BlockTerm(a.reshape(6, 2, 4).swapaxes(0, 1), b.reshape(5, 2, 4).swapaxes(0, 1), chunks, merge)
    np.testing.assert_allclose(nbl.bilinear(x1, x2, form), z @ merge.reshape(4, 6).T, rtol=1e-11, atol=1e-12)


def test_symmetric_and_antisymmetric(rng):
    x1, x2, w = rng.normal(size=(7, 5)), rng.normal(size=(7, 5)), rng.normal(size=(3, 5, 5))
    np.testing.assert_allclose(
        nbl.bilinear(x1, x2, forms.Symmetric(w)), nbl.bilinear(x2, x1, forms.Symmetric(w)), rtol=1e-12
    )
    np.testing.assert_allclose(
        nbl.bilinear(x1, x2, forms.Antisymmetric(w)), -nbl.bilinear(x2, x1, forms.Antisymmetric(w)), rtol=1e-12
    )
    np.testing.assert_allclose(nbl.quadratic(x1, forms.Antisymmetric(w)), 0, atol=1e-12)
