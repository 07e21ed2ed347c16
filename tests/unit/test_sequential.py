"""Sequential: a network against torch's, step by step; names, states, nesting, sharing."""

from pathlib import Path

import numpy as np
import pytest

from nbbilinear.errors import ConfigError, ShapeError
from nbbilinear.layers import Bilinear, Linear, ReLU, Sequential, Softmax, Tanh
from nbbilinear.losses import cross_entropy
from nbbilinear.optim import Adagrad, clip_gradients

GOLDEN = Path(__file__).parents[1] / "golden" / "training"


def network(dtype="float64"):
    return Sequential(
        Linear(4, 6, dtype=dtype, rng=0), Tanh(), Sequential(Linear(6, 5, dtype=dtype, rng=1), ReLU()),
        Linear(5, 3, dtype=dtype, rng=2),
    )  # fmt: skip


def test_training_is_torchs():
    recorded = np.load(GOLDEN / "network.npz")
    model = network()
    model.load_state_dict({k.removeprefix("start_"): a for k, a in recorded.items() if k.startswith("start_")})
    optimizer = Adagrad(model.parameters(), lr=0.1)
    for value in recorded["losses"]:
        optimizer.zero_grad()
        loss = cross_entropy(model(recorded["x"]), recorded["labels"])
        model.backward(loss.grad)
        clip_gradients(model.parameters(), 0.5)
        optimizer.step()
        # 20 steps of some hundred roundings each on numbers below 3
        assert loss.value == pytest.approx(value, abs=1e-12)
    for name, array in model.state_dict().items():
        np.testing.assert_allclose(array, recorded[f"end_{name}"], rtol=0, atol=1e-12)


def test_repr_is_torchs():
    assert repr(network()) == str(np.load(GOLDEN / "network.npz")["repr"])
    assert repr(Sequential()) == "Sequential()"


def test_names_and_states_are_torchs():
    model = network()
    names = [f"{place}.{name}" for place in ("0", "2.0", "3") for name in ("weight", "bias")]
    assert [name for name, _ in model.named_parameters()] == names
    assert list(model.state_dict()) == names
    assert list(model.vjp(np.ones((5, 4)))[1](np.ones((5, 3))).parameters) == names
    assert len(list(model.modules())) == 7
    other = network("float32").to(dtype="float64")
    other.load_state_dict(model.state_dict())
    x = np.random.default_rng(0).normal(size=(5, 4))
    np.testing.assert_array_equal(model(x), other(x))


def test_is_a_sequence():
    model = network()
    assert len(model) == 4
    assert [type(layer) for layer in model] == [Linear, Tanh, Sequential, Linear]
    assert model[-1] is vars(model)["3"]
    assert isinstance(model[1:3], Sequential)
    assert list(model[1:3]) == list(model)[1:3]
    with pytest.raises(IndexError):
        model[4]


def test_none_is_the_identity():
    model, x, g = Sequential(), np.ones((2, 3)), np.zeros((2, 3))
    assert model(x) is x
    assert model.backward(g) is g


def test_a_layer_used_twice_gets_both_gradients():
    layer, rng = Linear(3, 3, dtype="float64", rng=0), np.random.default_rng(1)
    x, g = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    twice = Sequential(layer, Tanh(), layer)
    apart = Sequential(*(Linear(3, 3, dtype="float64", rng=0) for _ in "12"))
    apart = Sequential(apart[0], Tanh(), apart[1])
    twice(x)
    apart(x)
    np.testing.assert_array_equal(twice.backward(g), apart.backward(g))
    np.testing.assert_allclose(layer.weight.grad, apart[0].weight.grad + apart[2].weight.grad, rtol=1e-14)
    np.testing.assert_allclose(layer.bias.grad, apart[0].bias.grad + apart[2].bias.grad, rtol=1e-14)
    assert list(twice.vjp(x)[1](g).parameters) == ["0.weight", "0.bias"]


def test_an_error_in_the_middle_changes_nothing():
    model = Sequential(Linear(4, 6, rng=0), Linear(5, 3, rng=1))
    with pytest.raises(ShapeError, match="x must have 5 features"):
        model(np.ones((2, 4)))
    assert all(module._kept is None for module in model.modules())


def test_children_are_left_as_they_were():
    model, x = network(), np.ones((5, 4))
    y = model(x)
    kept = model[0](x)
    model.backward(y)
    assert model[0].backward(kept).shape == x.shape


@pytest.mark.parametrize("wrong", [Bilinear(2, 2, 2), np.tanh, Softmax, None, [ReLU()]])
def test_what_is_no_layer_of_one_input(wrong):
    with pytest.raises(ConfigError, match="layer 1 must be a Layer of one input"):
        Sequential(ReLU(), wrong)
