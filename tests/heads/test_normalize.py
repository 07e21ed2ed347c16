"""Weights from scores against exact sums, on the compiled loops and by steps; what is masked, and what underflows."""

from math import exp, fsum

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear.errors import ConfigError, DTypeError, ShapeError
from nbbilinear.heads import MODES, normalize

BACKENDS = ("numpy", "numba")


def exact(scores, scale, axis, mask=None):
    """Softmax of scaled scores, term by term in float64 with exact sums."""
    e = np.zeros(scores.shape)
    for place in np.ndindex(*scores.shape):
        line = tuple(slice(None) if d == axis else n for d, n in enumerate(place))
        counted = scores[line] if mask is None else scores[line][np.broadcast_to(mask, scores.shape)[line]]
        if mask is None or np.broadcast_to(mask, scores.shape)[place]:
            e[place] = 1 / fsum(exp(min(700.0, scale * (float(s) - float(scores[place])))) for s in counted)
    return e


def bound(scores, scale, terms):
    """An exponent of size z is rounded three times, which exp multiplies with z; then a sum, and a division."""
    size = scale * (abs(scores.astype("f8")).max(initial=0) * 2 + 1)
    return (3 * size + terms + 8) * np.finfo(scores.dtype).eps


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 2, 7), (2, 5, 1), (1, 3, 64), (2, 13, 17)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_within_the_bound(backend, dtype, shape):
    rng = np.random.default_rng(sum(shape))
    for scores in (rng.normal(size=shape), np.asfortranarray(rng.normal(size=shape)), rng.normal(size=shape)[:, ::-1]):
        s, kept = scores.astype(dtype), scores.astype(dtype)
        for scale in (1.0, 3.7):
            with nbl.config(backend=backend):
                weights, _ = normalize(s, scale=scale)
            want = exact(s, scale, axis=2)
            assert weights.dtype == dtype
            assert (abs(weights - want) <= bound(s, scale, shape[2]) * want).all()
            if shape[2] > 1:
                assert not (abs(weights * 1.001 - want) <= bound(s, scale, shape[2]) * want).all()
            np.testing.assert_array_equal(s, kept)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_within_the_bound(dtype, backend):
    rng = np.random.default_rng(0)
    for shape in ((1, 1, 1), (2, 5, 13), (1, 2, 64)):
        scores, g = (rng.normal(size=shape).astype(dtype) for _ in range(2))
        with nbl.config(backend=backend):
            weights, pullback = normalize(scores, scale=2.5)
            found = pullback(g)
        p, wide = weights.astype("f8"), g.astype("f8")
        along = np.array([fsum(row) for row in (p * wide).reshape(-1, shape[2])]).reshape(*shape[:2], 1)
        want = 2.5 * p * (wide - along)
        size = 2.5 * p * (abs(wide) + (p * abs(wide)).sum(axis=2, keepdims=True))
        assert (abs(found - want) <= (shape[2] + 6) * np.finfo(dtype).eps * size).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_large_arrays_meet_small_ones(backend):
    """Every row is a problem of its own: rows of a large array equal those of small ones, whatever computes them."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(2, 301, 67)).astype("f4")
    g = rng.normal(size=scores.shape).astype("f4")
    with nbl.config(backend=backend, threads=2):
        weights, pullback = normalize(scores, scale=2.0)
        grads = pullback(g)
        for place in ((0, 0), (0, 300), (1, 150), (1, 300)):
            own, pull = normalize(scores[place][None, None], scale=2.0)
            np.testing.assert_array_equal(weights[place], own[0, 0])
            np.testing.assert_array_equal(grads[place], pull(g[place][None, None])[0, 0])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_masked_has_no_weight_and_no_gradient(backend, mode):
    rng = np.random.default_rng(1)
    scores, mask = rng.normal(size=(2, 6, 5)), rng.random((6, 5)) > 0.4
    mask[2], mask[:, 3] = False, False
    with nbl.config(backend=backend):
        weights, pullback = normalize(scores, mode, scale=1.5, mask=mask)
        other, _ = normalize(np.where(mask, scores, rng.normal(size=scores.shape)), mode, scale=1.5, mask=mask)
    np.testing.assert_array_equal(weights, other)
    assert (weights[:, ~mask] == 0).all()
    totals = weights.sum(axis=1 if mode == "row" else 2)
    counted = mask.any(axis=0 if mode == "row" else 1)
    np.testing.assert_allclose(totals, np.broadcast_to(counted, totals.shape), atol=1e-14)
    assert (pullback(np.ones_like(scores) * rng.normal(size=scores.shape))[:, ~mask] == 0).all()


@pytest.mark.parametrize("mode", ["row", "row_column"])
def test_other_modes(mode):
    scores = np.random.default_rng(2).normal(size=(2, 4, 3))
    want = exact(scores, 1.5, axis=1)
    if mode == "row_column":
        want = exact(want, 1.0, axis=2)
    np.testing.assert_allclose(normalize(scores, mode, scale=1.5)[0], want, rtol=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nothing_is_subnormal(dtype, backend):
    """Huge scores: each row attends to one; what is 1e-30 of it is 0 or a normal number, in the gradient too."""
    rng = np.random.default_rng(3)
    scores = (rng.normal(size=(1, 40, 50)) * (40 if dtype == "float32" else 300)).astype(dtype)
    tiny = np.finfo(dtype).tiny
    with nbl.config(backend=backend):
        weights, pullback = normalize(scores)
        grads = pullback(rng.normal(size=scores.shape).astype(dtype))
    for found in (weights, grads):
        assert np.isfinite(found).all()
        assert (found != 0).sum() > 40
        assert (abs(found[found != 0]) >= tiny).all()
    assert weights[weights != 0].min() >= np.sqrt(tiny) * 0.9


@pytest.mark.parametrize("backend", BACKENDS)
def test_nan_stays_in_its_row(backend):
    scores = np.zeros((1, 3, 4))
    scores[0, 1, 2] = np.nan
    with nbl.config(backend=backend):
        weights, _ = normalize(scores)
    assert np.isnan(weights[0, 1]).all()
    assert (weights[0, [0, 2]] == 0.25).all()


@pytest.mark.parametrize("shape", [(1, 0, 0), (2, 3, 0), (2, 0, 3)])
@pytest.mark.parametrize("backend", BACKENDS)
def test_no_elements(backend, shape):
    with nbl.config(backend=backend):
        weights, pullback = normalize(np.empty(shape))
        assert weights.shape == pullback(weights).shape == shape


@pytest.mark.parametrize("backend", BACKENDS)
def test_scores_that_overflow_when_they_are_scaled(backend):
    scores = np.array([[[2e38, 1e38, 0.0, -2e38]]], np.float32)
    with nbl.config(backend=backend), np.errstate(over="ignore"):
        np.testing.assert_array_equal(normalize(scores, scale=8.0)[0], [[[1, 0, 0, 0]]])
        np.testing.assert_array_equal(normalize(np.full((1, 2, 3), -np.inf))[0], 0)


def test_refusals():
    with pytest.raises(DTypeError, match="scores must be float32 or float64"):
        normalize(np.zeros((1, 200, 200), np.float16))
    with pytest.raises(ShapeError, match=r"scores must be \(channels, b, n\)"):
        normalize(np.zeros((2, 2)))
    with pytest.raises(ShapeError, match="grad_output must have the shape of the result"):
        normalize(np.zeros((1, 2, 2)))[1](np.ones(2))
    with pytest.raises(ConfigError, match="scale must be a finite number >= 0, got 'multiply'"):
        normalize(np.zeros((1, 1, 1)), scale="multiply")
    with pytest.raises(ConfigError, match="mode must be one of column, row, row_column, got 'columns'"):
        normalize(np.zeros((1, 1, 1)), "columns")
    with pytest.raises(ConfigError, match="scale must be a finite number > 0, got 0"):
        normalize(np.zeros((1, 1, 1)), scale=0)
