"""Activations: torch's numbers, plain Python, where they saturate."""

import math
from pathlib import Path

import numpy as np
import pytest

from nbbilinear.errors import ConfigError, DTypeError, ShapeError
from nbbilinear.layers import ReLU, Sigmoid, Softmax, Tanh

GOLDEN = Path(__file__).parents[1] / "golden" / "training"
KINDS = {"ReLU": ReLU(), "Sigmoid": Sigmoid(), "Tanh": Tanh(), "Softmax": Softmax(), "Softmax0": Softmax(axis=0)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", KINDS)
def test_equals_torch(name, dtype):
    recorded, layer = np.load(GOLDEN / f"layers_{dtype}.npz"), KINDS[name]
    y = layer(recorded["x"])
    dx = layer.backward(recorded["g"])
    # A few roundings; the exponential of a rounded s is off by |s| of them, and |s| > 64 leaves next to nothing.
    # Close to 1, 1 - y and 1 - y² have the error of y. Of sigmoids below the normal numbers torch makes 0.
    eps, tiny = np.finfo(dtype).eps, np.finfo(dtype).smallest_normal
    np.testing.assert_allclose(y, recorded[f"{name}_y"], rtol=64 * eps, atol=tiny)
    np.testing.assert_allclose(dx, recorded[f"{name}_dx"], rtol=64 * eps, atol=8 * eps)


def exact_sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sigmoid_is_exact_on_both_sides(dtype):
    x = np.concatenate([np.linspace(-80, 80, 1001), [1e-30, -1e-30, 0.0, 1e4, -1e4]]).astype(dtype)
    want = [exact_sigmoid(value) for value in x.astype(float)]
    np.testing.assert_allclose(Sigmoid()(x), want, rtol=6 * np.finfo(dtype).eps, atol=0)


def test_softmax_is_the_definition():
    x = np.random.default_rng(0).normal(size=(3, 4, 5)) * 10
    for axis in range(-3, 3):
        y = np.moveaxis(Softmax(axis)(x), axis, -1)
        for row, got in zip(
            np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis]), y.reshape(-1, x.shape[axis]), strict=True
        ):
            total = math.fsum(math.exp(v) for v in row)
            np.testing.assert_allclose(got, [math.exp(v) / total for v in row], rtol=1e-13)


def test_softmax_rows_sum_to_one_and_shift_freely():
    x = np.random.default_rng(0).normal(size=(6, 5))
    layer = Softmax()
    for shift in (0.0, 1e4, -1e4, 1e300):
        y = layer(x * (abs(shift) < 1e200) + shift)
        np.testing.assert_allclose(y.sum(axis=-1), 1, rtol=1e-14)
        dx = layer.backward(np.random.default_rng(1).normal(size=(6, 5)))
        np.testing.assert_allclose(dx.sum(axis=-1), 0, rtol=0, atol=1e-14)


def test_relu_keeps_nan_and_loses_infinite_gradients_of_dead_units():
    layer = ReLU()
    np.testing.assert_array_equal(layer([-1.0, 0.0, np.nan, np.inf]), [0, 0, np.nan, np.inf])
    np.testing.assert_array_equal(layer.backward([np.inf, np.nan, 2.0, 3.0]), [0, 0, 2, 3])


def test_only_the_result_is_kept():
    x = np.array([1.0, -2.0])
    layer = Tanh()
    y = layer(x)
    x[:] = 7
    np.testing.assert_array_equal(layer.backward([1.0, 1.0]), 1 - y * y)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("x", [[1, 2], np.ones((2, 2), np.float16), np.ones((2, 2), complex), np.array(["a"])])
def test_other_dtypes(name, x):
    with pytest.raises(DTypeError, match=r"x must be float32 or float64; convert with \.astype"):
        KINDS[name](x)


@pytest.mark.parametrize("name", ["ReLU", "Sigmoid", "Tanh"])
def test_scalars(name):
    layer = KINDS[name]
    assert layer(np.array(0.5)).shape == ()
    assert layer.backward(1.0).shape == ()


def test_axes():
    assert repr(KINDS["Softmax0"]) == "Softmax(axis=0)"
    assert [repr(KINDS[name]) for name in ("ReLU", "Sigmoid", "Tanh")] == ["ReLU()", "Sigmoid()", "Tanh()"]
    for x, axis in ((np.ones((2, 2)), 2), (np.ones((2, 2)), -3), (np.ones(()), -1)):
        with pytest.raises(ShapeError, match=f"x has no axis {axis}"):
            Softmax(axis)(x)
    for axis in (None, 1.0, "rows"):
        with pytest.raises(ConfigError, match="Softmax: axis must be a whole number"):
            Softmax(axis)
    assert Softmax()(np.ones((3, 0))).shape == (3, 0)
