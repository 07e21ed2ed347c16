"""Cross-entropy against torch's recorded numbers, plain Python and finite differences."""

import math
from pathlib import Path

import numpy as np
import pytest

from nbbilinear.errors import DTypeError, IndexRangeError, ShapeError
from nbbilinear.losses import cross_entropy

GOLDEN = Path(__file__).parents[1] / "golden" / "optim"


def slow(scores, targets):
    """Mean over rows of ``-Σ_k t_k (s_k - log Σ exp s)``, and its gradient, in exact sums."""
    losses, grads = [], []
    for s, t in zip(scores.tolist(), targets.tolist(), strict=True):
        top = max(s)
        total = math.fsum(math.exp(v - top) for v in s)
        losses.append(-math.fsum(q * (v - top - math.log(total)) for q, v in zip(t, s, strict=True) if q))
        grads.append([math.exp(v - top) / total * math.fsum(t) - q for q, v in zip(t, s, strict=True)])
    return math.fsum(losses) / len(losses), np.array(grads) / len(losses)


def problem(rows=6, classes=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, classes)) * 3, rng.dirichlet(np.ones(classes), rows)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equals_torch(dtype):
    recorded = np.load(GOLDEN / f"cross_entropy_{dtype}.npz")
    loss = cross_entropy(recorded["scores"], recorded["targets"])
    assert (loss.value.dtype, loss.grad.dtype) == (np.dtype(dtype), np.dtype(dtype))
    # A few roundings each; exp turns a rounding of a shifted score s into s of its own, but vanishes where s is large.
    tolerance = 16 * np.finfo(dtype).eps
    np.testing.assert_allclose(loss.value, recorded["value"], rtol=tolerance)
    np.testing.assert_allclose(loss.grad, recorded["grad"], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("rows", "classes"), [(1, 1), (1, 7), (6, 5), (40, 2)])
def test_equals_the_definition(rows, classes):
    scores, targets = problem(rows, classes)
    copies = scores.copy(), targets.copy()
    loss, (value, grad) = cross_entropy(scores, targets), slow(scores, targets)
    assert loss.value == pytest.approx(value, rel=1e-13, abs=1e-15)
    np.testing.assert_allclose(loss.grad, grad, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(scores, copies[0])
    np.testing.assert_array_equal(targets, copies[1])


def test_gradient_is_finite_differences():
    scores, targets = problem()
    grad, step = cross_entropy(scores, targets).grad, 1e-5
    for place in np.ndindex(*scores.shape):
        ends = []
        for sign in (1, -1):
            moved = scores.copy()
            moved[place] += sign * step
            ends.append(cross_entropy(moved, targets).value)
        assert grad[place] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-9)  # step² and eps/step


def test_leading_dimensions_are_rows():
    scores, targets = problem(6, 5)
    flat, deep = (cross_entropy(*(a.reshape(shape) for a in (scores, targets))) for shape in ((6, 5), (2, 3, 5)))
    assert deep.grad.shape == (2, 3, 5)
    np.testing.assert_array_equal(flat.grad, deep.grad.reshape(6, 5))
    np.testing.assert_allclose(flat.value, deep.value, rtol=1e-15)
    one = cross_entropy(scores[0], targets[0])
    assert (one.value, one.grad.shape) == (pytest.approx(slow(scores[:1], targets[:1])[0]), (5,))


def test_rows_weigh_what_their_targets_sum_to():
    scores, targets = problem()
    loss = cross_entropy(scores, 3 * targets)
    value, grad = slow(scores, targets)
    assert loss.value == pytest.approx(3 * value)
    np.testing.assert_allclose(loss.grad, 3 * grad, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("shift", [-1e300, -1e4, 1e4, 1e300])
def test_no_finite_score_overflows(shift):
    scores = np.array([[0.0, 1.0, 2.0]]) * 1e285 * (abs(shift) > 1e299) + shift
    loss = cross_entropy(scores, np.array([[0.0, 0.0, 1.0]]))
    assert np.isfinite(loss.value)
    assert np.isfinite(loss.grad).all()
    assert loss.grad.sum() == pytest.approx(0, abs=1e-15)


def test_excluded_classes():
    scores, targets = np.array([[1.0, -np.inf, 2.0]]), np.array([[0.25, 0.0, 0.75]])
    loss = cross_entropy(scores, targets)
    value, grad = slow(scores[:, [0, 2]], targets[:, [0, 2]])
    assert loss.value == pytest.approx(value)
    np.testing.assert_allclose(loss.grad, [[grad[0, 0], 0, grad[0, 1]]], rtol=1e-14)
    assert cross_entropy(scores, np.array([[0.0, 1.0, 0.0]])).value == np.inf


def test_a_row_that_excludes_every_class_counts_what_its_targets_are():
    scores, targets = problem()
    scores[2], targets[2] = -np.inf, 0
    loss, others = cross_entropy(scores, targets), cross_entropy(np.delete(scores, 2, 0), np.delete(targets, 2, 0))
    assert loss.value == pytest.approx(others.value * 5 / 6)
    np.testing.assert_allclose(np.delete(loss.grad, 2, 0), others.grad * 5 / 6)
    assert not loss.grad[2].any()
    assert cross_entropy(scores, np.full_like(targets, 0.2)).value == np.inf


def test_nan_is_not_lost():
    scores, targets = np.array([[0.0, np.nan], [0.0, 1.0]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    loss = cross_entropy(scores, targets)
    assert np.isnan(loss.value)
    assert np.isnan(loss.grad[0]).all()
    assert np.isfinite(loss.grad[1]).all()
    assert np.isnan(cross_entropy(scores, np.zeros((2, 2))).value)


def test_targets_are_cast_to_the_scores():
    scores, targets = problem()
    hot = np.eye(5, dtype=np.int64)[[0, 1, 2, 3, 4, 0]]
    for given in (targets, hot, hot.tolist()):
        loss = cross_entropy(scores.astype(np.float32), given)
        assert loss.grad.dtype == np.float32
        assert loss.value == pytest.approx(slow(scores, np.asarray(given, float))[0], rel=1e-5)


@pytest.mark.parametrize("numbers", [np.array([0, 1, 2, 3, 4, 0]), [4, 4, 4, 0, 0, 1], np.zeros(6, np.uint8)], ids=str)
def test_classes_are_rows_of_one(numbers):
    scores, _ = problem()
    hot = np.eye(5)[numbers]
    loss, (value, grad) = cross_entropy(scores, numbers), slow(scores, hot)
    assert loss.value == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(loss.grad, grad, rtol=1e-12, atol=1e-15)
    deep = cross_entropy(scores.reshape(2, 3, 5), np.reshape(numbers, (2, 3)))
    np.testing.assert_array_equal(deep.grad, loss.grad.reshape(2, 3, 5))
    one = cross_entropy(scores[1], np.asarray(numbers)[1])
    assert one.value == pytest.approx(slow(scores[1:2], hot[1:2])[0])


def test_an_excluded_class():
    scores = np.array([[1.0, -np.inf, 2.0]])
    np.testing.assert_allclose(cross_entropy(scores, [2]).grad[0, 1], 0)
    assert cross_entropy(scores, [1]).value == np.inf


@pytest.mark.parametrize(
    ("scores", "targets", "error", "message"),
    [
        (np.ones((6, 5)), np.ones((6, 4)), ShapeError, "targets must be one row of probabilities"),
        (np.ones((6, 5)), np.array([0, 1, 2, 3, 4]), ShapeError, "or the number of a class, for each row of scores"),
        (np.ones((6, 5)), np.zeros(6), ShapeError, "or the number of a class, for each row of scores"),
        (np.ones((6, 5)), np.zeros((6, 1), int), ShapeError, "or the number of a class, for each row of scores"),
        (np.ones((6, 5)), [0, 1, 2, 3, 4, 5], IndexRangeError, "classes must be >= 0 and < 5, got 0 to 5"),
        (np.ones((6, 5)), [0, 1, 2, 3, 4, -1], IndexRangeError, "classes must be >= 0 and < 5, got -1 to 4"),
        (np.ones((0, 5)), np.ones((0, 5)), ShapeError, "scores need a row and a class"),
        (np.ones((5, 0)), np.ones((5, 0)), ShapeError, "scores need a row and a class"),
        (np.ones(()), np.ones(()), ShapeError, "scores need a row and a class"),
        (np.ones((6, 5), int), np.ones((6, 5)), DTypeError, "scores must be float32 or float64"),
        (np.ones((6, 5), np.float16), np.ones((6, 5)), DTypeError, "scores must be float32 or float64"),
        (np.ones((6, 5)), np.ones((6, 5), complex), DTypeError, "targets must be real"),
    ],
)
def test_operands_without_meaning(scores, targets, error, message):
    with pytest.raises(error, match=message):
        cross_entropy(scores, targets)
