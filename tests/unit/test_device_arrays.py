"""The training kit on arrays of another library, and never on two at once."""

import sys

import numpy as np
import pytest

from nbbilinear import Batches
from nbbilinear.arrays import floats, module_of, of_one_library
from nbbilinear.errors import BackendError, DTypeError
from nbbilinear.exponentials import sigmoid, softmax
from nbbilinear.layers import Linear, Parameter, ReLU, Sequential, Sigmoid, Softmax, Tanh
from nbbilinear.losses import binary_cross_entropy_with_logits, cross_entropy, margin_ranking, mse
from nbbilinear.optim import SGD, Adagrad, Adam, clip_gradient_values, clip_gradients

import device


@pytest.fixture(autouse=True)
def cupy():
    with device.installed("stand-in") as found:
        yield found


RNG = np.random.default_rng(0)
SCORES, TARGETS, NUMBERS = RNG.normal(size=(6, 5)), RNG.dirichlet(np.ones(5), 6), RNG.integers(0, 5, 6)
LOSSES = {
    "mse": (mse, [SCORES, TARGETS]),
    "binary": (binary_cross_entropy_with_logits, [SCORES, TARGETS]),
    "cross-entropy": (cross_entropy, [SCORES, TARGETS]),
    "classes": (cross_entropy, [SCORES, NUMBERS]),
    "ranking": (margin_ranking, [SCORES, TARGETS, np.sign(SCORES)]),
}
losses = pytest.mark.parametrize(("loss", "arrays"), LOSSES.values(), ids=LOSSES)
LAYERS = {
    "linear": lambda: Linear(5, 3, dtype="float64", rng=0),
    "relu": ReLU,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "softmax": Softmax,
    "sequential": lambda: Sequential(
        Linear(5, 4, dtype="float64", rng=0), Sigmoid(), Linear(4, 3, dtype="float64", rng=1)
    ),
}
layers = pytest.mark.parametrize("maker", LAYERS.values(), ids=LAYERS)


def on_device(layer):
    for parameter in layer.parameters():
        parameter.data = device.ndarray(parameter.data)
    return layer


def assert_equal_there(got, want):
    assert type(got) is device.ndarray
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got.host, want)


@losses
def test_losses(loss, arrays):
    for got, want in zip(loss(*map(device.ndarray, arrays)), loss(*arrays), strict=True):
        assert_equal_there(got, want)


@losses
def test_losses_of_two_libraries(loss, arrays):
    for place in range(len(arrays)):
        mixed = [device.ndarray(a) if n == place else a for n, a in enumerate(arrays)]
        with pytest.raises(BackendError, match=r"move them with cupy\.asarray or \.get"):
            loss(*mixed)


@layers
def test_layers(maker):
    there, here = on_device(maker()), maker()
    for one in (there, here):
        lift = device.ndarray if one is there else np.asarray
        y = one(lift(SCORES))
        g = lift(np.random.default_rng(1).normal(size=y.shape))
        for _ in "12":
            one(lift(SCORES))
            dx = one.backward(g)
        one.result = y, dx
    for got, want in zip(there.result, here.result, strict=True):
        assert_equal_there(got, want)
    for got, want in zip(there.parameters(), here.parameters(), strict=True):
        assert_equal_there(got.grad, want.grad)


@layers
def test_layers_with_a_gradient_of_another_library(maker):
    layer = on_device(maker())
    y = layer(device.ndarray(SCORES))
    with pytest.raises(BackendError, match="different libraries"):
        layer.backward(np.ones(y.shape))
    layer = maker()
    y = layer(SCORES)
    with pytest.raises(BackendError, match="different libraries"):
        layer.backward(device.ndarray(np.ones(y.shape)))


def test_parameters_and_inputs_of_two_libraries():
    with pytest.raises(BackendError, match="different libraries"):
        Linear(5, 3)(device.ndarray(SCORES))
    with pytest.raises(BackendError, match="different libraries"):
        on_device(Linear(5, 3))(SCORES)


@pytest.mark.parametrize("kind", [SGD, Adam, Adagrad])
@pytest.mark.parametrize("size", [(12, 3), (20_000, 3)])
def test_optimizers(kind, size):
    results = []
    for lift in (device.ndarray, np.copy):
        rng = np.random.default_rng(0)
        parameter = Parameter(lift(rng.normal(size=size)))
        optimizer = kind([parameter], lr=0.1)
        for touched in (None, {parameter: lift(np.array([3, 1, 3]))}):
            parameter.grad = lift(rng.normal(size=size))
            norm = clip_gradients([parameter], 2.0)
            clip_gradient_values([parameter], 0.5)
            optimizer.step(touched)
        results.append((parameter.data, norm))
    (there, norm_there), (here, norm_here) = results
    assert type(there) is device.ndarray
    assert norm_there == norm_here
    np.testing.assert_allclose(there.host, here, rtol=1e-13, atol=1e-15)


def test_batches():
    x, labels = np.arange(20.0).reshape(10, 2), np.arange(10)
    for shuffle in (True, False):
        there = Batches((device.ndarray(x), device.ndarray(labels)), 4, shuffle=shuffle, rng=0)
        for got, want in zip(there, Batches((x, labels), 4, shuffle=shuffle, rng=0), strict=True):
            for one, other in zip(got, want, strict=True):
                assert_equal_there(one, other)
    with pytest.raises(BackendError, match="different libraries"):
        Batches((device.ndarray(x), labels), 4)


def test_libraries():
    assert module_of(SCORES) is np
    assert module_of(device.ndarray(SCORES)) is sys.modules["cupy"]
    assert of_one_library("f", {"x": [1, 2], "y": 3})["y"].shape == ()
    swapped = floats("f", {"x": SCORES.astype(">f8")})["x"]
    assert swapped.dtype == np.float64
    assert floats("f", {"x": SCORES})["x"] is SCORES
    with pytest.raises(DTypeError, match="x must be float32 or float64"):
        floats("f", {"x": device.ndarray(NUMBERS)})


def test_exponentials_of_nothing():
    assert softmax(np.ones((2, 0)), -1).shape == (2, 0)
    assert sigmoid(np.ones((0, 2))).shape == (0, 2)
