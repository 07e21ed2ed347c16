"""Compiled loops: their definitions in plain Python, their plain twins, and when they are chosen."""

import math
import subprocess
import sys

import numpy as np
import pytest

from nbbilinear import compiled, config
from nbbilinear.backends.numba import fused, processors
from nbbilinear.compiled import loops_for
from nbbilinear.layers import Parameter
from nbbilinear.losses import cross_entropy
from nbbilinear.optim import Adam

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
LARGE = compiled.SMALLEST


# Definitions.


@DTYPES
@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("size", [1, 7, 50])
def test_adam_is_its_formula(dtype, decay, size):
    rng = np.random.default_rng(size)
    data, grad, first = (rng.normal(size=size).astype(dtype) for _ in range(3))
    second = rng.uniform(size=size).astype(dtype)
    want = []
    for p, g, m, v in zip(*(a.astype(float).tolist() for a in (data, grad, first, second)), strict=True):
        slope = g + decay * p
        m = m + (1 - 0.8) * (slope - m)  # noqa: PLW2901 - the formula
        v = 0.9 * v + (1 - 0.9) * slope**2  # noqa: PLW2901
        want.append((p - 0.05 * m / (math.sqrt(v) + 1e-3), m, v))
    fused.adam(data, grad, first, second, (0.8, 0.9), decay, 0.05, 1e-3)
    eps = np.finfo(dtype).eps
    for got, wanted in zip((data, first, second), zip(*want, strict=True), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=8 * eps, atol=8 * eps)


@DTYPES
@pytest.mark.parametrize(("rows", "classes"), [(1, 1), (1, 9), (7, 1), (7, 40)])
def test_cross_entropy_is_its_formula(dtype, rows, classes):
    rng = np.random.default_rng(rows)
    scores = (rng.normal(size=(rows, classes)) * 3).astype(dtype)
    targets = rng.uniform(size=(rows, classes)).astype(dtype)
    losses, grad = np.full(rows, np.nan, dtype), np.full((rows, classes), np.nan, dtype)
    fused.cross_entropy(scores, targets, losses, grad)
    eps = np.finfo(dtype).eps
    for s, t, loss, slopes in zip(scores.tolist(), targets.tolist(), losses, grad, strict=True):
        top = max(s)
        total, weight = math.fsum(math.exp(v - top) for v in s), math.fsum(t)
        want = math.fsum(-q * (v - top - math.log(total)) for q, v in zip(t, s, strict=True))
        np.testing.assert_allclose(loss, want, rtol=16 * eps, atol=16 * eps)
        want = [(math.exp(v - top) / total * weight - q) / rows for q, v in zip(t, s, strict=True)]
        np.testing.assert_allclose(slopes, want, rtol=0, atol=8 * eps * weight / rows)


# Twins.


def problem(dtype, rows=LARGE // 8, classes=8, seed=0):
    rng = np.random.default_rng(seed)
    scores = (rng.normal(size=(rows, classes)) * 10).astype(dtype)
    return scores, rng.dirichlet(np.ones(classes), rows).astype(dtype)


def both(function):
    """What compiled loops give, and what NumPy's functions do."""
    with config(backend="numpy"):
        plain = function()
    return function(), plain


@DTYPES
@pytest.mark.parametrize("kind", ["soft", "one-hot", "classes", "deep"])
def test_cross_entropy_equals_its_twin(dtype, kind):
    scores, targets = problem(dtype)
    numbers = targets.argmax(axis=-1)
    targets = {"classes": numbers, "one-hot": np.eye(8, dtype=dtype)[numbers]}.get(kind, targets)
    if kind == "deep":
        scores, targets = (a.reshape(4, -1, 8) for a in (scores, targets))
    copies = scores.copy(), targets.copy()
    loss, plain = both(lambda: cross_entropy(scores, targets))
    eps = np.finfo(dtype).eps
    assert (loss.value.dtype, loss.grad.dtype, loss.grad.shape) == (np.dtype(dtype), np.dtype(dtype), scores.shape)
    np.testing.assert_allclose(loss.value, plain.value, rtol=64 * eps)
    np.testing.assert_allclose(loss.grad, plain.grad, rtol=0, atol=8 * eps / (scores.size / 8))
    np.testing.assert_array_equal(scores, copies[0])
    np.testing.assert_array_equal(targets, copies[1])


def test_special_scores_as_the_twin():
    scores, targets = problem("float64")
    scores[0, 3], targets[0] = -np.inf, np.eye(8)[2]
    scores[1] = [1e300, -1e300, 1e4, -1e4, 0, 0, 0, 0]
    loss, plain = both(lambda: cross_entropy(scores, targets))
    np.testing.assert_allclose(loss.value, plain.value, rtol=1e-13)
    assert loss.grad[0, 3] == 0
    targets[0] = np.eye(8)[3]
    assert [one.value for one in both(lambda: cross_entropy(scores, targets))] == [np.inf, np.inf]
    scores[3], targets[3], targets[0] = -np.inf, 0, 0
    loss, plain = both(lambda: cross_entropy(scores, targets))
    np.testing.assert_allclose(loss.value, plain.value, rtol=1e-13)
    assert not loss.grad[3].any()
    scores[2, 0] = np.nan
    for one in both(lambda: cross_entropy(scores, targets)):
        assert np.isnan(one.value)
        assert np.isnan(one.grad[2]).all()
        assert np.isfinite(one.grad[3:]).all()


@DTYPES
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1, "betas": (0.5, 0.9), "eps": 1e-3}])
@pytest.mark.parametrize("rows", [None, slice(None, None, 2)])
def test_adam_equals_its_twin(dtype, options, rows):
    rng = np.random.default_rng(0)
    start, grads = rng.normal(size=(2 * LARGE // 8, 8)).astype(dtype), rng.normal(size=(3, 2 * LARGE // 8, 8))

    def train():
        parameter = Parameter(start.copy())
        optimizer = Adam([parameter], lr=0.1, **options)
        for grad in grads:
            parameter.grad = grad.astype(dtype)
            optimizer.step(None if rows is None else {parameter: np.arange(len(start))[rows]})
        return parameter.data, *optimizer.state_dict().values()

    # Three steps of 0.1 times m / sqrt(v), which is at most 4, with some ten roundings each.
    for got, plain in zip(*both(train), strict=True):
        assert got.dtype == plain.dtype
        np.testing.assert_allclose(got, plain, rtol=32 * np.finfo(dtype).eps, atol=32 * np.finfo(dtype).eps)


def test_threads_do_not_show(monkeypatch):
    monkeypatch.setattr(processors, "available", lambda: 3)
    scores, targets = problem("float32", rows=100_000)

    def step():
        parameter = Parameter(scores.copy())
        parameter.grad = targets
        Adam([parameter], lr=0.1).step()
        return parameter.data, *cross_entropy(scores, targets)

    found = []
    for threads in (1, 3):
        with config(threads=threads):
            found.append(step())
    with config(backend="numpy"):
        plain = step()
    for one, other, twin in zip(*found, plain, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(one, twin, rtol=64 * np.finfo(np.float32).eps, atol=1e-6)


# Choice.


def test_large_plain_arrays_are_taken():
    large = np.ones(LARGE, np.float32)
    assert loops_for(large, large.copy()) is fused
    with config(backend="numba"):
        assert loops_for(large) is fused


@pytest.mark.parametrize(
    "others",
    [
        [np.ones(LARGE - 1, np.float32)],
        [np.ones((LARGE, 2), np.float32)[:, 0]],
        [np.asfortranarray(np.ones((LARGE, 2), np.float32))],
        [np.ones(LARGE, np.float32), np.ones(LARGE)],
        [np.ones(LARGE, ">f4")],
        [np.broadcast_to(np.float32(1), LARGE)],
        [np.ones(LARGE, np.float32), np.frombuffer(bytes(4 * LARGE), np.float32)],
        [np.ones(LARGE, np.float32).view(type("Own", (np.ndarray,), {}))],
    ],
    ids=["small", "strided", "Fortran", "two dtypes", "byte-swapped", "repeated", "read-only", "subclass"],
)
def test_others_are_left_to_numpy(others):
    assert loops_for(*others) is None


def test_numpy_can_be_asked_for():
    with config(backend="numpy/gemm"):
        assert loops_for(np.ones(LARGE)) is None


@pytest.mark.thorough
def test_numba_comes_with_the_first_large_step_only():
    code = f"""
import sys, numpy as np, nbbilinear as nbl
def step(size):
    weight = nbl.Parameter(np.ones(size, np.float32))
    weight.grad = np.ones(size, np.float32)
    nbl.optim.Adam([weight]).step()
    return "numba" in sys.modules
print(step({LARGE} - 1), step({LARGE}))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["False", "True"]
