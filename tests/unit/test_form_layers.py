"""The layers of forms: every line of the table, as a layer to train, save and copy."""

import copy
import pickle

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear import forms, layers
from nbbilinear.layers import LAYERS
from nbbilinear.layers.form_sizes import bound_of, letter_sizes

import device

OPTIONS = {"rank": 3, "rank1": 2, "rank2": 2, "blocks": 2, "terms": 2, "factor1": 3, "factor2": 2}
PLACES = {"k": [0, 1, 4, 4], "i": [0, 5, 2, 2], "j": [3, 0, 1, 5]}


def options(kind):
    return {name: OPTIONS[name] for name in kind.options} | {name: PLACES[name] for name in kind.given}


def made(name, **more):
    kind = LAYERS[name].kind
    return LAYERS[name](6, 6, 5, **options(kind), **{"rng": 0, "dtype": "float64"} | more)


@pytest.mark.parametrize("name", LAYERS)
def test_forward_and_backward_are_the_verbs(name):
    layer, rng = made(name), np.random.default_rng(1)
    x1, x2, g = rng.normal(size=(7, 6)), rng.normal(size=(7, 6)), rng.normal(size=(7, 5))
    y = layer(x1, x2)
    np.testing.assert_array_equal(y, nbl.bilinear(x1, x2, layer.form, layer.bias.data))
    found = layer.backward(g)
    want = nbl.bilinear_backward(g, x1, x2, layer.form, layer.bias.data)
    np.testing.assert_array_equal(found.dx1, want.x1)
    np.testing.assert_array_equal(found.dx2, want.x2)
    for parameter in layer.form.parameters:
        np.testing.assert_array_equal(getattr(layer, parameter).grad, want.weight.parameters[parameter])
    layer(x1, x2)
    layer.backward(g)
    np.testing.assert_allclose(layer.bias.grad, 2 * want.bias)
    for parameter in layer.form.parameters:
        np.testing.assert_allclose(getattr(layer, parameter).grad, 2 * want.weight.parameters[parameter])
    _, pullback = layer.vjp(x1, x2)
    np.testing.assert_array_equal(pullback(g).x1, want.x1)


@pytest.mark.parametrize("name", LAYERS)
def test_state_names_copies_and_pickles(name):
    layer = made(name)
    state = layer.state_dict()
    assert list(state) == [*layer.kind.axes, "bias"]
    other = made(name, rng=1)
    other.load_state_dict(state)
    x = np.random.default_rng(2).normal(size=(2, 3, 6))
    for again in (other, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(again(x[0], x[1]), layer(x[0], x[1]))
    assert repr(layer).startswith(f"{name}(in1_features=6, in2_features=6, out_features=5, bias=True, ")
    assert made(name, bias=False).bias is None
    assert type(layer).of(layer.form, layer.bias.data)(x[0], x[1]).tolist() == layer(x[0], x[1]).tolist()
    assert layer.to(dtype="float32")(x[0], x[1]).dtype == np.float32


@pytest.mark.parametrize("name", LAYERS)
def test_a_step_of_training_lowers_the_loss(name):
    layer, rng = made(name), np.random.default_rng(3)
    x1, x2, target = rng.normal(size=(40, 6)), rng.normal(size=(40, 6)), rng.normal(size=(40, 5))
    optimizer = nbl.optim.Adam(layer.parameters(), lr=0.01)
    losses = []
    for _ in range(30):
        loss = nbl.losses.mse(layer(x1, x2), target)
        losses.append(loss.value)
        layer.backward(loss.grad)
        optimizer.step()
        layer.zero_grad()
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", [n for n, layer in LAYERS.items() if layer.kind.factors != 1 and not layer.kind.given])
def test_initial_outputs_have_the_variance_of_torchs(name):
    if "ymmetric" in name:
        return  # folding halves what is off the diagonal
    kind, rng = LAYERS[name].kind, np.random.default_rng(4)
    sizes = letter_sizes(
        name,
        kind,
        12,
        12,
        2000,
        options(kind) | {"factor1": 3, "factor2": 4} if "factor1" in kind.options else options(kind),
    )
    limit = bound_of(kind, sizes, 12, 12)
    variances = []
    for _ in range(20):
        form = kind.of(sizes, lambda shape: rng.uniform(-limit, limit, shape))
        variances.append(nbl.bilinear(rng.normal(size=12), rng.normal(size=12), form).var())
    assert 0.3 < np.mean(variances) / (12 / 3) < 3


def test_refusals():
    with pytest.raises(nbl.ConfigError, match="LowRankBilinear has the options rank=; given: none"):
        layers.LowRankBilinear(3, 4, 5)
    with pytest.raises(nbl.ConfigError, match="SparseBilinear has the options k=, i=, j=; given: k="):
        layers.SparseBilinear(3, 4, 5, k=[1])
    with pytest.raises(nbl.ShapeError, match="in1_features must be a multiple of 2, got 3"):
        layers.BlockDiagonalBilinear(3, 4, 5, blocks=2)
    with pytest.raises(nbl.ShapeError, match="in2_features must be 3, got 4"):
        layers.DiagonalBilinear(3, 4, 5)
    with pytest.raises(AttributeError):
        layers.NoSuchBilinear  # noqa: B018
    layer = layers.CPBilinear(3, 4, 5, rank=2, rng=0)
    with pytest.raises(nbl.LayerError):
        layer.backward(np.ones((1, 5)))
    with pytest.raises(nbl.ShapeError, match=r"weight\.a +\(3, 2\)"):
        layer(np.ones((2, 4)), np.ones((2, 4)))


def test_a_device_is_refused_before_anything_moves():
    layer = layers.CPBilinear(3, 4, 5, rank=2, rng=0)
    dense = nbl.Bilinear(3, 4, 5, rng=0)
    sentence = "CPBilinear: device 'cuda' cannot be used: forms are computed on the CPU; leave the device out"
    with device.installed("stand-in") as cupy:
        for refused in (
            lambda: layers.CPBilinear(3, 4, 5, rank=2, device="cuda"),
            lambda: layer.to("cuda"),
            lambda: Pair(dense, layer).to("cuda"),
        ):
            with pytest.raises(nbl.BackendError, match=sentence):
                refused()
        assert type(dense.weight.data) is np.ndarray
        with pytest.raises(nbl.BackendError, match=r"Diagonal: .*\n.* arrays of cupy, .* on the CPU: pass x\.get\(\)"):
            forms.Diagonal(cupy.asarray(np.ones((2, 3))))
    assert layer.to("cpu") is layer


class Pair(nbl.Module):
    def __init__(self, first, second):
        self.first, self.second = first, second


def test_the_form_of_a_layer_shares_its_memory():
    layer = layers.LowRankBilinear(3, 4, 5, rank=2, rng=0)
    assert layer.form.parameters["u"] is layer.u.data
    assert isinstance(layer.form, forms.LowRank)
