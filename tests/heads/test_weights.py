"""Weights of heads: number by number against their definition, in factors and in full, with the ranks they have."""

import numpy as np
import pytest
from heads.test_combinations import RELATED

from nbbilinear.errors import ConfigError, ShapeError
from nbbilinear.heads import WEIGHTS, DualLphm, Full, Hm, Identity, LowRank, Lphm, Taylor, interdependence, reconcile

import heads_oracle

SHAPES = ((4, 4), (6, 4), (1, 1), (5, 7), (6, 20), (9, 9), (1, 12))


def part_of(config):
    options = dict(config)
    return WEIGHTS[options.pop("kind")](**options)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("config", RELATED, ids=str)
def test_factors_are_the_definition(config, shape):
    weight, rng = part_of(config), np.random.default_rng(0)
    w = rng.integers(-3, 4, (2, weight.length(*shape))).astype(float)
    want = heads_oracle.weight(w, *shape, weight.config())
    np.testing.assert_array_equal(weight.expand(w, *shape), want)
    x, z = (rng.integers(-3, 4, (n, 3, size)).astype(float) for n, size in ((1, shape[1]), (2, shape[0])))
    left, right, pull = weight.factors(w, *shape)
    y = left.apply(x if right is None else right.apply(x))
    np.testing.assert_array_equal(y, np.broadcast_to(x, (2, *x.shape[1:])) @ want.swapaxes(1, 2))
    h = left.transposed(z)
    np.testing.assert_array_equal(h if right is None else right.transposed(h), z @ want)
    # The gradient of sum(z * F x) is the same in factors and in full.
    inner = x if right is None else right.apply(x)
    found = pull(left.pull(z, inner), None if right is None else right.pull(h, x))
    whole = weight.expanded(w, *shape)
    full = whole.pull(z.swapaxes(1, 2) @ x, None)
    np.testing.assert_array_equal(found, full)
    direction = rng.normal(size=w.shape)
    slope = (z * (x @ heads_oracle.weight(w + 1e-30j * direction, *shape, weight.config()).swapaxes(1, 2))).sum()
    np.testing.assert_allclose((found * direction).sum(), slope.imag / 1e-30, rtol=1e-12, atol=1e-12)


def test_ranks_of_the_layouts():
    """A Kronecker product of rank 3 and rank 3 has rank 9; what the release computes has 1 for squares of squares."""
    rng = np.random.default_rng(0)
    expected = {784: 1, 64: 1, 128: 2, 768: 6, 500: 8, 30: 10}
    for size, rank in expected.items():
        for layout, want in (("tinybig", rank), ("kronecker", 9)):
            weight = DualLphm(3, layout=layout)
            w = rng.normal(size=(1, weight.length(size, size)))
            mixed = weight.expand(w, size, size)[0] @ rng.normal(size=(size, 16))  # of the same rank, up to 16
            assert np.linalg.matrix_rank(mixed) == want, (size, layout)


def test_no_factor_is_larger_than_the_vector_makes_it():
    """Factors of a (784, 784) matrix have a tenth of its numbers or less; the expanded one is for those without."""
    for weight in (LowRank(3), DualLphm(3), DualLphm(3, layout="tinybig"), Hm(), Lphm(3)):
        w = np.ones((1, weight.length(784, 784)))
        left, right, _ = weight.factors(w, 784, 784)
        numbers = sum(a.size for operator in (left, right) for a in operator if isinstance(a, np.ndarray))
        assert numbers <= 784 * 784 / 9, weight


def test_vectors_of_another_length_are_refused():
    x = np.ones((3, 4))
    with pytest.raises(ShapeError, match=r"w must be \(channels, 16\) for a \(4, 4\) matrix by LowRank\(rank=2\)"):
        interdependence(x, x, np.ones((1, 100)), LowRank(2))
    with pytest.raises(ShapeError, match=r"w must be \(channels, 20\) for a \(5, 4\) matrix by Full"):
        reconcile(x[None], np.ones((1, 3, 3)), np.ones((1, 19)), 5, Identity(), Full())
    with pytest.raises(ShapeError, match=r"expected \(b, m\) and \(n, m\)"):
        interdependence(x, x[:, :2], np.ones((1, 16)), LowRank(2))
    with pytest.raises(ShapeError, match=r"expected \(1 or channels, n, m\) and \(channels, b, n\)"):
        reconcile(x[None], np.ones((1, 3, 2)), np.ones((1, 20)), 5, Identity(), Full())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LowRank(0), "LowRank: rank must be a whole number >= 1, got 0"),
        (lambda: DualLphm(1.5), "DualLphm: rank must be a whole number >= 1, got 1.5"),
        (lambda: Hm(layout="kron"), "Hm: layout must be one of kronecker, tinybig, got 'kron'"),
        (lambda: Lphm(2, p=0), "Lphm: p must be a whole number >= 1, got 0"),
        (lambda: Hm(p=5).length(12, 12), "Hm: p must divide 12 rows, got 5"),
        (lambda: DualLphm(q=5).length(12, 12), "DualLphm: q must divide 12 columns, got 5"),
        (lambda: Taylor(0), "Taylor: degree must be a whole number >= 1, got 0"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
