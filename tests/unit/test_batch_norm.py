"""Batch normalisation against its definition; what it keeps, saves and moves."""

import numpy as np
import pytest

from nbbilinear import DTypeError, ShapeError
from nbbilinear.layers import BatchNorm, Buffer, Sequential


def layer_of(features=3, **options):
    layer, rng = BatchNorm(features, **{"dtype": "float64"} | options), np.random.default_rng(0)
    layer.weight.data[:] = rng.normal(size=features)
    layer.bias.data[:] = rng.normal(size=features)
    return layer


def defined(layer, x):
    rows = x.reshape(-1, layer.features)
    centred = rows - rows.mean(axis=0)
    y = centred / np.sqrt((centred * centred).mean(axis=0) + layer.eps)
    return (y * layer.weight.data + layer.bias.data).reshape(x.shape)


@pytest.mark.parametrize("shape", [(2, 3), (7, 3), (2, 5, 3), (64, 1)])
def test_training(shape):
    layer, rng = layer_of(shape[-1], momentum=0.3), np.random.default_rng(1)
    x, g, v = (rng.normal(size=shape) for _ in range(3))
    y = layer(x)
    np.testing.assert_allclose(y, defined(layer, x), rtol=1e-13, atol=1e-13)
    rows = x.reshape(-1, shape[-1])
    np.testing.assert_allclose(layer.running_mean.data, 0.3 * rows.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(layer.running_var.data, 0.7 + 0.3 * rows.var(axis=0, ddof=1), rtol=1e-14)
    dx = layer.backward(g)
    slope = defined(layer, x + 1e-30j * v).imag / 1e-30
    np.testing.assert_allclose((dx * v).sum(), (slope * g).sum(), rtol=1e-10, atol=1e-12)
    normal = (y - layer.bias.data) / layer.weight.data
    np.testing.assert_allclose(layer.weight.grad, (g * normal).reshape(-1, shape[-1]).sum(axis=0), rtol=1e-11)
    np.testing.assert_allclose(layer.bias.grad, g.reshape(-1, shape[-1]).sum(axis=0), rtol=1e-12)


def test_after_eval_rows_are_their_own():
    layer, rng = layer_of(eps=0.1), np.random.default_rng(2)
    layer.running_mean.data[:], layer.running_var.data[:] = rng.normal(size=3), rng.random(3)
    before = layer.eval().state_dict()
    x, g = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    y, pullback = layer.vjp(x)
    slope = layer.weight.data / np.sqrt(before["running_var"] + 0.1)
    np.testing.assert_allclose(y, (x - before["running_mean"]) * slope + before["bias"], rtol=1e-13)
    np.testing.assert_allclose(pullback(g).x, g * slope, rtol=1e-14)
    np.testing.assert_allclose(layer(x[:1]), y[:1])
    assert layer(x[:0]).shape == (0, 3)
    assert all((layer.state_dict()[name] == a).all() for name, a in before.items())
    assert BatchNorm(0).eval()(np.ones((3, 0))).shape == (3, 0)


def test_buffers_are_saved_loaded_and_moved_but_not_trained():
    model = Sequential(layer_of())
    model(np.random.default_rng(0).normal(size=(5, 3)))
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "0.bias"]
    state = model.state_dict()
    assert list(state) == ["0.weight", "0.bias", "0.running_mean", "0.running_var"]
    other = Sequential(BatchNorm(3))
    other.load_state_dict(state)
    np.testing.assert_array_equal(other.state_dict()["0.running_mean"], state["0.running_mean"].astype("f4"))
    model.to(dtype="float32")
    assert model[0].running_var.dtype == np.float32
    assert isinstance(model[0].running_var, Buffer)


def test_refusals_change_nothing():
    layer = layer_of()
    state = layer.state_dict()
    with pytest.raises(ShapeError, match=r"at least 2 rows in training mode"):
        layer(np.ones((1, 3)))
    with pytest.raises(ShapeError, match=r"x must have 3 features on its last axis"):
        layer(np.ones((5, 4)))
    with pytest.raises(DTypeError, match=r"x is complex128"):
        layer(np.ones((5, 3), complex))
    assert all((layer.state_dict()[name] == a).all() for name, a in state.items())
