"""Compression finds the nearest member of a form, and says how near it is."""

import sys

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear import forms
from nbbilinear.compress import _TABLE
from nbbilinear.layers import LowRankBilinear

WEIGHT = np.random.default_rng(0).normal(size=(4, 6, 8)) * np.exp(-np.arange(8.0))
SQUARE = np.random.default_rng(1).normal(size=(3, 6, 6))


def distance(weight, form):
    return np.linalg.norm(weight - form.expand()) / np.linalg.norm(weight)


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_low_rank_is_the_optimum_of_eckart_and_young(rank):
    form, error = nbl.compress(WEIGHT, "low_rank", rank=rank)
    values = np.linalg.svd(WEIGHT, compute_uv=False)
    assert np.isclose(error, np.sqrt((values[:, rank:] ** 2).sum() / (values**2).sum()), rtol=1e-10)
    assert np.isclose(error, distance(WEIGHT, form))
    rng = np.random.default_rng(2)
    for scale in (1e-1, 1e-2, 1e-3):  # no neighbour is nearer
        other = form.map(lambda a, scale=scale: a + scale * rng.normal(size=a.shape))
        assert distance(WEIGHT, other) > error


def test_no_other_rank_one_matrix_is_nearer():
    """Alternating least squares from many starts, and it never gets below."""
    _, error = nbl.compress(WEIGHT, forms.LowRank, rank=1)
    rng = np.random.default_rng(3)
    for _ in range(5):
        v = rng.normal(size=(4, 8))
        for _ in range(30):
            u = np.einsum("kij,kj->ki", WEIGHT, v) / (v**2).sum(1, keepdims=True)
            v = np.einsum("kij,ki->kj", WEIGHT, u) / (u**2).sum(1, keepdims=True)
        assert distance(WEIGHT, forms.LowRank(u[..., None], v[..., None])) >= error * (1 - 1e-12)


@pytest.mark.parametrize("limit", [0.5, 0.1, 1e-3, 0.0])
@pytest.mark.parametrize(
    ("form", "options"), [("low_rank", {}), ("kronecker", {"factor1": 2, "factor2": 4}), ("sparse", {})]
)
def test_the_least_rank_within_an_error(form, options, limit):
    found, error = nbl.compress(WEIGHT, form, rel_error=limit, **options)
    assert error <= limit + 1e-14
    sizes = {"low_rank": "r", "kronecker": "r", "sparse": "z"}
    rank = found.sizes[sizes[form]]
    if rank > 1:
        assert nbl.compress(WEIGHT, form, rank=rank - 1, **options).rel_error > limit


def test_a_kronecker_product_is_found_again():
    rng = np.random.default_rng(4)
    true = forms.Kronecker(rng.normal(size=(3, 2, 2, 4)), rng.normal(size=(3, 2, 3, 2)))
    found, error = nbl.compress(true.expand(), "kronecker", rank=2, factor1=2, factor2=4)
    assert error < 1e-14
    np.testing.assert_allclose(found.expand(), true.expand(), atol=1e-12)
    one = nbl.compress(true.expand(), "kronecker", rank=1, factor1=2, factor2=4).rel_error
    blocks = true.expand().reshape(3, 2, 3, 4, 2).transpose(0, 1, 3, 2, 4).reshape(3, 8, 6)
    values = np.linalg.svd(blocks, compute_uv=False)
    assert np.isclose(one, np.sqrt((values[:, 1:] ** 2).sum() / (values**2).sum()))


@pytest.mark.parametrize(
    ("form", "options"), [("diagonal", {}), ("block_diagonal", {"blocks": 2}), ("symmetric", {}), ("antisymmetric", {})]
)
def test_projections_leave_what_is_orthogonal(form, options):
    found, error = nbl.compress(SQUARE, form, **options)
    rest = SQUARE - found.expand()
    assert abs((rest * found.expand()).sum()) < 1e-12
    again = nbl.compress(found.expand(), form, **options)
    assert again.rel_error < 1e-15
    assert 0 < error < 1


def test_cp_and_tucker_find_what_is_there():
    pytest.importorskip("tensorly", reason="the extra 'tensorly' is not installed")
    rng = np.random.default_rng(5)
    cp = forms.CP(*(rng.normal(size=(n, 2)) for n in (6, 8, 4)))
    assert nbl.compress(cp.expand(), "cp", rank=2).rel_error < 1e-3
    assert nbl.compress(cp.expand(), "cp", rel_error=0.01).form.sizes["r"] == 2
    tucker = forms.Tucker(*(rng.normal(size=s) for s in ((6, 2), (8, 3), (2, 2, 3), (4, 2))))
    form, error = nbl.compress(tucker.expand(), "tucker", rank=(2, 2, 3))
    assert error < 1e-10
    assert form.parameters["core"].shape == (2, 2, 3)
    assert nbl.compress(tucker.expand(), "tucker", rel_error=1e-6).form.parameters["core"].shape == (2, 2, 3)
    found, error = nbl.compress(WEIGHT, "tucker", rel_error=0.2)
    assert distance(WEIGHT, found) == pytest.approx(error)
    assert error <= 0.2
    assert nbl.compress(WEIGHT, "tucker", rank=100).rel_error < 1e-12


def test_block_terms_lose_no_more_than_the_best_of_one():
    pytest.importorskip("tensorly", reason="the extra 'tensorly' is not installed")
    rng = np.random.default_rng(6)
    true = forms.BlockTerm(*(rng.normal(size=s) for s in ((2, 6, 2), (2, 8, 2), (2, 2, 2, 2), (4, 2, 2))))
    weight = true.expand()
    form, error = nbl.compress(weight, "block_term", rank=2, blocks=2)
    assert form.parameters["core"].shape == (2, 2, 2, 2)
    assert distance(weight, form) == pytest.approx(error)
    alone = nbl.compress(weight, "tucker", rank=2).rel_error
    assert nbl.compress(weight, "block_term", rank=2, blocks=1).rel_error == pytest.approx(alone)
    assert error < 0.5 * alone
    assert nbl.compress(weight, "block_term", rank=(4, 6, 8), blocks=1).rel_error < 1e-12
    with pytest.raises(nbl.ConfigError, match="needs rank=: no rank of blocks follows"):
        nbl.compress(weight, "block_term", rel_error=0.1, blocks=2)


def test_without_tensorly_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorly.decomposition", None)
    with pytest.raises(nbl.BackendError, match=r"nbbilinear\[tensorly\]"):
        nbl.compress(WEIGHT, "cp", rank=2)


def test_a_layer_and_a_matrix():
    layer = nbl.Bilinear(6, 8, 4, rng=0)
    form, _ = nbl.compress(layer, "low_rank", rank=6)
    assert form.dtype == np.float32
    small = LowRankBilinear.of(form, layer.bias.data)
    x1, x2 = np.ones((3, 6), "f4"), np.ones((3, 8), "f4")
    np.testing.assert_allclose(small(x1, x2), layer(x1, x2), rtol=1e-4, atol=1e-5)
    one, error = nbl.compress(WEIGHT[0], "low_rank", rank=2)
    assert nbl.bilinear(x1, x2, one).shape == (3,)
    assert np.isclose(error, distance(WEIGHT[0], one))
    assert nbl.compress(np.zeros((2, 2)), "low_rank", rank=1).rel_error == 0


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        (lambda: nbl.compress(WEIGHT, "full", rank=1), nbl.ConfigError, "no way to find 'full'; there are 'low_rank'"),
        (lambda: nbl.compress(WEIGHT, "low_rank"), nbl.ConfigError, "needs rank= or rel_error="),
        (lambda: nbl.compress(WEIGHT, "low_rank", rank=1, rel_error=0.1), nbl.ConfigError, "not both"),
        (lambda: nbl.compress(WEIGHT, "low_rank", rank=0), nbl.ConfigError, "rank must be a whole number >= 1"),
        (lambda: nbl.compress(WEIGHT, "kronecker", rank=1), nbl.ConfigError, "options factor1=, factor2=; given: none"),
        (lambda: nbl.compress(WEIGHT, "kronecker", rank=1, factor1=4, factor2=4), nbl.ShapeError, "of factor1=4"),
        (lambda: nbl.compress(WEIGHT, "diagonal"), nbl.ShapeError, "expected square"),
        (lambda: nbl.compress(SQUARE, "diagonal", rank=1), nbl.ConfigError, "neither rank nor rel_error"),
        (lambda: nbl.compress(WEIGHT.astype(int), "low_rank", rank=1), nbl.DTypeError, "expected floats"),
        (lambda: nbl.compress(WEIGHT.astype("f2"), "low_rank", rank=1), nbl.DTypeError, "float32 or float64"),
        (lambda: nbl.compress(WEIGHT[None], "low_rank", rank=1), nbl.ShapeError, "one by one"),
        (lambda: nbl.compress(WEIGHT, "low_rank", rank=1, blocks=2), nbl.ConfigError, "options none; given: blocks="),
    ],
)  # fmt: skip
def test_refusals(call, kind, said):
    with pytest.raises(kind, match=said):
        call()


def test_every_method_is_of_a_form():
    assert set(_TABLE) <= set(forms.FORMS)


OPTIONS = {
    "low_rank": {"rank": 2}, "kronecker": {"rank": 2, "factor1": 2, "factor2": 3}, "block_diagonal": {"blocks": 2},
    "sparse": {"rank": 20}, "cp": {"rank": 2}, "tucker": {"rank": 2}, "block_term": {"rank": 1, "blocks": 2},
}  # fmt: skip


@pytest.mark.parametrize(("dtype", "exponents"), [("float32", (-90, 84)), ("float64", (-700, 700))])
@pytest.mark.parametrize("form", _TABLE)
def test_the_form_and_its_error_scale_with_the_weight(form, dtype, exponents):
    """By powers of two, where squares of the weight are there and where they are not."""
    if form in ("cp", "tucker", "block_term"):
        pytest.importorskip("tensorly")
    weight = SQUARE.astype(dtype)
    wanted = nbl.compress(weight, form, **OPTIONS.get(form, {}))
    assert wanted.rel_error > 0.1
    for exponent in exponents:
        found = nbl.compress(np.ldexp(weight, exponent), form, **OPTIONS.get(form, {}))
        assert found.rel_error == wanted.rel_error
        np.testing.assert_array_equal(found.form.expand(), np.ldexp(wanted.form.expand(), exponent))
    if "rank" in OPTIONS.get(form, {}) and form not in ("cp", "block_term"):
        limits = [nbl.compress(np.ldexp(weight, e), form, rel_error=0.5, **{
            name: size for name, size in OPTIONS[form].items() if name != "rank"
        }).rel_error for e in (0, *exponents)]  # fmt: skip
        assert limits[0] <= 0.5
        assert limits == [limits[0]] * 3


@pytest.mark.parametrize("form", _TABLE)
@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(form, odd):
    weight = SQUARE.copy()
    weight[1, 2, 3] = odd
    with pytest.raises(nbl.ConfigError, match="numbers must be finite"):
        nbl.compress(weight, form, **OPTIONS.get(form, {}))
