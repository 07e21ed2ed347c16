import numpy as np
import pytest

import nbbilinear as nbl


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in ((2, 4, 3), (2, 5, 6), (7, 3, 6), (7,))], rng


def test_pairs_are_the_broadcast_product(pairs):
    (x1, x2, weight, bias), _ = pairs
    out = np.full((2, 4, 5, 7), np.nan)
    assert nbl.bilinear_pairs(x1, x2, weight, bias, out=out) is out
    np.testing.assert_allclose(out, np.einsum("sni,kij,smj->snmk", x1, weight, x2) + bias, atol=1e-12)
    np.testing.assert_allclose(nbl.bilinear_pairs(x1[0].tolist(), x2[0].tolist(), weight), out[0] - bias, atol=1e-12)


def test_pairs_gradients_fill_and_add(pairs):
    (x1, x2, weight, bias), rng = pairs
    g = rng.normal(size=(2, 4, 5, 7))
    found = nbl.bilinear_pairs_backward(g, x1, x2, weight, bias)
    want = nbl.BilinearGrads(
        np.einsum("snmk,kij,smj->sni", g, weight, x2), np.einsum("snmk,kij,sni->smj", g, weight, x1),
        np.einsum("snmk,sni,smj->kij", g, x1, x2), g.sum((0, 1, 2)),
    )  # fmt: skip
    out = nbl.BilinearGrads(*(np.ones_like(a) for a in want))
    nbl.bilinear_pairs_backward(g, x1, x2, weight, bias, out=out, accumulate=True)
    for one, other, added in zip(found, want, out, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, atol=1e-11)
        np.testing.assert_allclose(added, 1 + other, atol=1e-11)


def test_quadratic_gradients_fill_and_add():
    rng = np.random.default_rng(1)
    x, weight, bias, g = (rng.normal(size=shape) for shape in ((4, 3), (2, 3, 3), (2,), (4, 2)))
    want = nbl.QuadraticGrads(
        np.einsum("bk,kij,bj->bi", g, weight + weight.swapaxes(1, 2), x), np.einsum("bk,bi,bj->kij", g, x, x), g.sum(0)
    )
    out = nbl.QuadraticGrads(*(np.ones_like(a) for a in want))
    found = nbl.quadratic_backward(g, x, weight, bias, out=out, accumulate=True)
    for one, other in zip(found, want, strict=True):
        np.testing.assert_allclose(one, 1 + other, atol=1e-12)
    assert found.x is out.x
    only = nbl.quadratic_backward(g, x, weight, bias, wrt="weight")
    assert only.x is None
    np.testing.assert_allclose(only.weight, want.weight, atol=1e-12)
    np.testing.assert_allclose(
        nbl.quadratic(x, weight, bias), np.einsum("bi,kij,bj->bk", x, weight, x) + bias, atol=1e-12
    )
