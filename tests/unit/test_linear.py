"""The linear layer: torch's numbers, the sum written out, building one."""

import inspect
import math
from pathlib import Path

import numpy as np
import pytest

from nbbilinear.errors import BackendError, CheckpointError, ConfigError, DTypeError, ShapeError
from nbbilinear.layers import Linear

GOLDEN = Path(__file__).parents[1] / "golden" / "training"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equals_torch(dtype):
    recorded = {name.removeprefix("Linear_"): a for name, a in np.load(GOLDEN / f"layers_{dtype}.npz").items()}
    layer = Linear(4, 3, dtype=dtype)
    layer.load_state_dict({name: recorded[name] for name in ("weight", "bias")})
    y = layer(recorded["x"])
    dx = layer.backward(recorded["g"])
    tolerance = 64 * np.finfo(dtype).eps  # sums of 5 terms, of 30 for the parameters, of numbers below 4
    for name, got in {"y": y, "dx": dx, "dweight": layer.weight.grad, "dbias": layer.bias.grad}.items():
        assert got.dtype == dtype
        np.testing.assert_allclose(got, recorded[name], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (7, 3, 2), (2, 5, 0), (3, 0, 4)])
@pytest.mark.parametrize("bias", [True, False])
def test_equals_the_sum(sizes, bias):
    features, outs, rows = sizes
    layer, rng = Linear(features, outs, bias, dtype="float64", rng=0), np.random.default_rng(1)
    x, g = rng.normal(size=(rows, features)), rng.normal(size=(rows, outs))
    weight = layer.weight.data
    y = layer(x)
    dx = layer.backward(g)
    B, K, J = range(rows), range(outs), range(features)
    add = layer.bias.data if bias else np.zeros(outs)
    want = {
        "y": [[math.fsum([*(x[b, i] * weight[k, i] for i in J), add[k]]) for k in K] for b in B],
        "dx": [[math.fsum(g[b, k] * weight[k, i] for k in K) for i in J] for b in B],
        "weight": [[math.fsum(g[b, k] * x[b, i] for b in B) for i in J] for k in K],
        "bias": [math.fsum(g[b, k] for b in B) for k in K],
    }
    found = {"y": y, "dx": dx, "weight": layer.weight.grad} | ({"bias": layer.bias.grad} if bias else {})
    for name, got in found.items():
        np.testing.assert_allclose(got, np.reshape(want[name], got.shape), rtol=1e-13, atol=1e-14)


def test_inputs_are_cast_to_the_parameters():
    layer = Linear(2, 1, rng=0)
    for x in ([[1, 2]], np.array([[1, 2]], np.int8), np.array([[1, 2]], np.float16), np.array([[1.0, 2.0]])):
        assert layer(x).dtype == np.float32
        np.testing.assert_array_equal(layer(x), layer(np.array([[1, 2]], np.float32)))


@pytest.mark.parametrize("features", [1, 4, 100])
def test_initial_values_fill_the_interval(features):
    layer, bound = Linear(features, 2000, dtype="float64", rng=3), 1 / math.sqrt(features)
    for parameter in layer.parameters():
        assert 0.8 * bound < parameter.data.max() <= bound
        assert -0.8 * bound > parameter.data.min() >= -bound
    count = layer.weight.data.size
    # Mean and mean square of U(-bound, bound) within six standard errors: bound²/3n, and 4 bound⁴/45n of the square.
    assert abs(layer.weight.data.mean()) < 6 * bound / math.sqrt(3 * count)
    assert abs((layer.weight.data**2).mean() - bound**2 / 3) < 6 * bound**2 * math.sqrt(4 / 45 / count)


def test_names_shapes_and_positions_are_torchs():
    names = list(inspect.signature(Linear).parameters)
    assert names == ["in_features", "out_features", "bias", "device", "dtype", "rng"]
    layer = Linear(3, 5)
    assert [(n, p.name, p.shape, p.dtype) for n, p in layer.named_parameters()] == [
        ("weight", "weight", (5, 3), np.float32),
        ("bias", "bias", (5,), np.float32),
    ]
    assert repr(layer) == "Linear(in_features=3, out_features=5, bias=True)"
    without = Linear(3, 5, False, "cpu", np.float64, 0)
    assert (without.bias, list(without.state_dict()), without.weight.dtype) == (None, ["weight"], np.float64)
    with pytest.raises(CheckpointError, match="bias is unexpected"):
        without.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(Linear(3, 5, rng=7).weight.data, Linear(3, 5, rng=7).weight.data)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, 2), ShapeError, "Linear: in_features must be > 0, got 0"),
        ((2, -1), ShapeError, "Linear: out_features must be >= 0, got -1"),
        ((2.0, 2), ConfigError, "in_features must be a whole number"),
        ((2, 2, True, "cuda"), BackendError, "cannot be used here: "),
        ((2, 2, True, None, "int64"), DTypeError, "dtype of para"),
        ((2, 2, True, None, None, -1), ConfigError, "rng must be"),
    ],
)
def test_arguments_without_meaning(arguments, error, message):
    with pytest.raises(error, match=message):
        Linear(*arguments)


@pytest.mark.parametrize("x", [np.ones((6, 3)), np.ones(()), 1.0, np.ones((4, 1))])
def test_other_numbers_of_features(x):
    with pytest.raises(ShapeError, match="x must have 4 features on its last axis"):
        Linear(4, 3)(x)
