"""Building a bilinear layer: sizes, initial values, names, and what is refused."""

import inspect
import math

import numpy as np
import pytest

from nbbilinear.errors import BackendError, CheckpointError, ConfigError, DTypeError, ShapeError
from nbbilinear.layers import Bilinear, LoadReport


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("in1", [1, 4, 100])
def test_initial_values_fill_the_interval(dtype, in1):
    layer = Bilinear(in1, 50, 40, dtype=dtype, rng=3)
    bound = 1 / math.sqrt(in1)
    for parameter in layer.parameters():
        values = parameter.data.astype(np.float64)
        assert abs(values).max() <= np.dtype(dtype).type(bound)
        assert values.max() > 0.8 * bound
        assert values.min() < -0.8 * bound
    count = layer.weight.data.size
    # Mean and variance of U(-bound, bound) within six standard errors: bound²/3n, and 4 bound⁴/45n of the square.
    assert abs(layer.weight.data.mean(dtype=float)) < 6 * bound / math.sqrt(3 * count)
    assert abs((layer.weight.data.astype(float) ** 2).mean() - bound**2 / 3) < 6 * bound**2 * math.sqrt(4 / 45 / count)


def test_weight_then_bias_from_one_stream():
    values = np.random.default_rng(5).uniform(-0.5, 0.5, 2 * 4 * 3 + 2)
    layer = Bilinear(4, 3, 2, dtype="float64", rng=5)
    np.testing.assert_array_equal(layer.weight.data.ravel(), values[:24])
    np.testing.assert_array_equal(layer.bias.data, values[24:])


def test_same_seed_same_values():
    one, same, other = (Bilinear(4, 3, 2, dtype="float64", rng=seed).weight.data for seed in (5, np.int64(5), 6))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(one.astype(np.float32), Bilinear(4, 3, 2, rng=5).weight.data)
    np.testing.assert_array_equal(one, Bilinear(4, 3, 2, dtype="float64", bias=False, rng=5).weight.data)
    assert not np.array_equal(Bilinear(4, 3, 2).weight.data, Bilinear(4, 3, 2).weight.data)


def test_generator_goes_on():
    stream = np.random.default_rng(5)
    one, two = (Bilinear(4, 3, 2, rng=stream).weight.data for _ in "12")
    assert not np.array_equal(one, two)


def test_parameters_names_and_order():
    layer = Bilinear(3, 4, 5, rng=0)
    assert [(name, p.name, p.shape, p.dtype) for name, p in layer.named_parameters()] == [
        ("weight", "weight", (5, 3, 4), np.float32),
        ("bias", "bias", (5,), np.float32),
    ]
    assert list(layer.state_dict()) == ["weight", "bias"]
    without = Bilinear(3, 4, 5, bias=False)
    assert without.bias is None
    assert list(without.state_dict()) == ["weight"]


def test_repr_is_torchs():
    assert repr(Bilinear(3, 4, 5)) == "Bilinear(in1_features=3, in2_features=4, out_features=5, bias=True)"
    assert repr(Bilinear(2, 1, 1, bias=False)) == "Bilinear(in1_features=2, in2_features=1, out_features=1, bias=False)"


def test_positions_are_torchs():
    names = list(inspect.signature(Bilinear).parameters)
    assert names == ["in1_features", "in2_features", "out_features", "bias", "device", "dtype", "rng"]
    layer = Bilinear(3, 4, 5, False, "cpu", np.float64, 0)
    assert (layer.in1_features, layer.in2_features, layer.out_features) == (3, 4, 5)
    assert (layer.bias, layer.weight.dtype) == (None, np.float64)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, 0, 0), ShapeError, "in1_features must be > 0"),
        ((0, 2, 2), ValueError, "in1_features must be > 0"),
        ((-1, 2, 2), ShapeError, "in1_features must be > 0, got -1"),
        ((2, -1, 2), ShapeError, "in2_features must be >= 0, got -1"),
        ((2, 2, -3), ShapeError, "out_features must be >= 0, got -3"),
        ((2.0, 2, 2), ConfigError, "in1_features must be a whole number"),
        ((2, 2, "2"), ConfigError, "out_features must be a whole number"),
        ((2, 2, 2, True, "cuda"), BackendError, "cannot be used here: "),
        ((2, 2, 2, True, "cuda:0"), BackendError, "cannot be used here: "),
        ((2, 2, 2, True, "gpu"), ConfigError, "device must be"),
        *(((2, 2, 2, True, None, d), DTypeError, "dtype of para") for d in ("int64", "uint8", "float16", "complex64")),
        *(((2, 2, 2, True, None, None, rng), ConfigError, "rng must be") for rng in (-1, 1.5, "seed")),
    ],
)  # fmt: skip
def test_arguments_without_meaning(arguments, error, message):
    with pytest.raises(error, match=message):
        Bilinear(*arguments)


@pytest.mark.parametrize(
    ("state", "report"),
    [
        ({"weight": (5, 3, 4)}, LoadReport(("bias",), (), ())),
        ({"weight": (5, 4, 3), "bias": (5,)}, LoadReport((), (), ("weight",))),
        ({"weight": (5, 3, 4), "bias": (1, 5)}, LoadReport((), (), ("bias",))),
        ({"weight": (5, 3, 4), "bias": (5,), "scale": ()}, LoadReport((), ("scale",), ())),
    ],
)
def test_loading_what_does_not_fit(state, report):
    layer = Bilinear(3, 4, 5, rng=0)
    before = layer.state_dict()
    arrays = {name: np.full(shape, 7.0) for name, shape in state.items()}
    with pytest.raises(CheckpointError):
        layer.load_state_dict(arrays)
    for name, array in before.items():
        np.testing.assert_array_equal(layer.state_dict()[name], array)
    assert layer.load_state_dict(arrays, strict=False) == report
    without = Bilinear(3, 4, 5, bias=False)
    with pytest.raises(CheckpointError, match="bias is unexpected"):
        without.load_state_dict(before)
