"""Squares, binary cross-entropy and margin ranking: torch's numbers, plain Python, finite differences, refusals."""

import math
from pathlib import Path

import numpy as np
import pytest

from nbbilinear.errors import ConfigError, DTypeError, ShapeError
from nbbilinear.losses import binary_cross_entropy_with_logits, cross_entropy, margin_ranking, mse

GOLDEN = Path(__file__).parents[1] / "golden" / "training"
CALLS = {
    "mse": (mse, ("scores", "soft"), {}),
    "binary_soft": (binary_cross_entropy_with_logits, ("scores", "soft"), {}),
    "binary_hard": (binary_cross_entropy_with_logits, ("scores", "hard"), {}),
    "binary_weight": (binary_cross_entropy_with_logits, ("scores", "soft"), {"pos_weight": 3.5}),
    "classes": (cross_entropy, ("scores", "labels"), {}),
    "ranking": (margin_ranking, ("scores", "other", "signs"), {}),
    "ranking_margin": (margin_ranking, ("scores", "other", "signs"), {"margin": 0.5}),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CALLS)
def test_equals_torch(name, dtype):
    recorded, (function, arrays, options) = np.load(GOLDEN / f"losses_{dtype}.npz"), CALLS[name]
    value, *grads = function(*(recorded[a] for a in arrays), **options)
    eps = np.finfo(dtype).eps
    assert {value.dtype, *(g.dtype for g in grads)} == {np.dtype(dtype)}
    np.testing.assert_allclose(value, recorded[f"{name}_value"], rtol=16 * eps)
    for grad, end in zip(grads, ("grad", "grad2"), strict=False):
        # A rounding of a gradient by one score of 30 that is at most 4 elsewhere than in mse, where all is relative.
        np.testing.assert_allclose(grad, recorded[f"{name}_{end}"], rtol=16 * eps, atol=eps)


# Plain Python.


def softplus(x):
    return max(x, 0) + math.log1p(math.exp(-abs(x)))


def slow_mse(p, t):
    return (p - t) ** 2


def slow_binary(weight):
    return lambda s, t: weight * t * softplus(-s) + (1 - t) * softplus(s)


def slow_ranking(margin):
    return lambda a, b, y: max(0.0, margin - y * (a - b))


SLOW = {
    "mse": (mse, {}, slow_mse, 1),
    "binary": (binary_cross_entropy_with_logits, {}, slow_binary(1), 1),
    "binary weight": (binary_cross_entropy_with_logits, {"pos_weight": 2.5}, slow_binary(2.5), 1),
    "ranking": (margin_ranking, {"margin": 0.5}, slow_ranking(0.5), 2),
}
slowly = pytest.mark.parametrize(("loss", "options", "slow", "inputs"), SLOW.values(), ids=SLOW)


def operands(inputs, shape=(4, 3), seed=0):
    rng = np.random.default_rng(seed)
    targets = rng.choice([-1.0, 1.0], shape) if inputs == 2 else rng.uniform(size=shape)
    return [*(rng.normal(size=shape) * 3 for _ in range(inputs)), targets]


@slowly
@pytest.mark.parametrize("shape", [(), (1,), (4, 3), (2, 3, 4)])
def test_value_is_the_definition(loss, options, slow, inputs, shape):
    arrays = operands(inputs, shape)
    want = math.fsum(slow(*row) for row in zip(*(np.ravel(a).tolist() for a in arrays), strict=True)) / arrays[0].size
    found = loss(*arrays, **options)
    assert found.value == pytest.approx(want, rel=1e-14)
    assert all(grad.shape == shape for grad in found[1:])


@slowly
def test_gradients_are_finite_differences(loss, options, slow, inputs):
    arrays, step = operands(inputs), 1e-6
    for position, grad in enumerate(loss(*arrays, **options)[1:]):
        for place in np.ndindex(*grad.shape):
            ends = []
            for sign in (1, -1):
                moved = [a.copy() for a in arrays]
                moved[position][place] += sign * step
                ends.append(loss(*moved, **options).value)
            assert grad[place] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-8)


@slowly
def test_operands_stay_and_results_are_new(loss, options, slow, inputs):
    arrays = operands(inputs)
    copies = [a.copy() for a in arrays]
    found = loss(*arrays, **options)
    for array, before in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, before)
        assert not any(np.shares_memory(array, grad) for grad in found[1:])
    assert inputs == 1 or not np.shares_memory(found[1], found[2])


@slowly
def test_layouts_and_lists(loss, options, slow, inputs):
    arrays = operands(inputs)
    want = loss(*arrays, **options)
    layouts = (np.asfortranarray, lambda a: np.repeat(a, 2, 1)[:, ::2], lambda a: a.astype(">f8"), np.ndarray.tolist)
    for layout in layouts:
        for one, other in zip(loss(*map(layout, arrays), **options), want, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-14)
            assert one.dtype == np.float64


@slowly
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extremes(loss, options, slow, inputs, dtype):
    scores = np.array([1e4, -1e4, 1e4, -1e4, 0.0], dtype)
    targets = np.array([1, 1, 0, 0, 1], dtype)
    arrays = (scores, scores[::-1].copy(), 2 * targets - 1) if inputs == 2 else (scores, targets)
    found = loss(*arrays, **options)
    want = math.fsum(slow(*row) for row in zip(*(a.tolist() for a in arrays), strict=True)) / 5
    assert found.value == pytest.approx(want, rel=1e-6)
    assert all(np.isfinite(grad).all() for grad in found[1:])


def test_small_losses_are_not_lost():
    for dtype in ("float32", "float64"):
        loss = binary_cross_entropy_with_logits(np.array([40.0], dtype), np.array([1.0], dtype))
        assert loss.value == pytest.approx(math.exp(-40), rel=1e-6, abs=0)


def test_equal_scores_still_learn():
    loss = margin_ranking(np.zeros(2), np.zeros(2), [1, -1])
    assert loss.value == 0
    np.testing.assert_array_equal(loss.dx1, [-0.5, 0.5])
    np.testing.assert_array_equal(loss.dx2, [0.5, -0.5])


def test_nan_is_not_lost():
    for loss, arrays in ((mse, 2), (binary_cross_entropy_with_logits, 2), (margin_ranking, 3)):
        found = loss(np.array([np.nan, 1.0]), *([np.array([1.0, 1.0])] * (arrays - 1)))
        assert np.isnan(found.value)


def test_dtypes():
    scores = np.ones((2, 3), np.float32)
    for targets in (np.ones((2, 3), bool), np.ones((2, 3), np.int64), np.ones((2, 3)), np.ones((2, 3), np.float16)):
        for loss in (mse, binary_cross_entropy_with_logits):
            found = loss(scores, targets)
            assert {found.value.dtype, found.grad.dtype} == {np.dtype(np.float32)}
    assert margin_ranking(scores, scores.astype(float), scores).dx1.dtype == np.float64
    weighted = binary_cross_entropy_with_logits(scores, scores, pos_weight=np.float64(2.0))
    assert weighted.grad.dtype == np.float32


@slowly
def test_operands_without_meaning(loss, options, slow, inputs):
    def call(scores, targets):
        return loss(*[scores] * inputs, targets, **options)

    one = np.ones((2, 3))
    with pytest.raises(ShapeError, match="expected one shape for all operands"):
        call(one, np.ones(3))
    with pytest.raises(ShapeError, match="expected one shape for all operands"):
        call(one, 1.0)
    with pytest.raises(ShapeError, match="operands need an element"):
        call(np.ones((0, 3)), np.ones((0, 3)))
    for scores in (np.ones((2, 3), int), np.ones((2, 3), np.float16), np.ones((2, 3), complex)):
        with pytest.raises(DTypeError, match="must be float32 or float64"):
            call(scores, one)
    with pytest.raises(DTypeError, match="targets must be real numbers"):
        call(one, one * 1j)


@pytest.mark.parametrize("wrong", [-1.0, math.nan, math.inf, "much", None])
def test_arguments_without_meaning(wrong):
    one = np.ones(2)
    with pytest.raises(ConfigError, match="pos_weight must be a finite number >= 0"):
        binary_cross_entropy_with_logits(one, one, pos_weight=wrong)
    with pytest.raises(ConfigError, match="margin must be a finite number >= 0"):
        margin_ranking(one, one, one, margin=wrong)
