"""Dropout: how many it takes, what it leaves, and from where it draws."""

import numpy as np
import pytest

from nbbilinear import ConfigError, DTypeError
from nbbilinear.layers import Dropout


@pytest.mark.parametrize("p", [0.0, 0.25, 0.9, 1.0])
def test_each_is_kept_by_chance_and_the_mean_stays(p):
    layer, x = Dropout(p, rng=0), np.full((100, 100), 3.0, np.float32)
    y = layer(x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y[y != 0], 3 / (1 - p) if p < 1 else [], rtol=1e-6)
    assert abs((y == 0).mean() - p) <= 5 * np.sqrt(p * (1 - p) / x.size)
    g = np.random.default_rng(0).normal(size=x.shape).astype("f4")
    np.testing.assert_allclose(layer.backward(g), g * (y / 3), rtol=1e-6)


def test_draws_come_from_the_generator():
    x = np.ones(100)
    first, second = Dropout(rng=1), Dropout(rng=1)
    np.testing.assert_array_equal(first(x), second(x))
    assert (first(x) != Dropout(rng=1)(x)).any()
    np.testing.assert_array_equal(first.eval()(x), x)
    assert first.vjp(x)[1](x).x is x


def test_refusals():
    for p in (-0.1, 1.5, "half"):
        with pytest.raises(ConfigError, match="Dropout: p must be a"):
            Dropout(p)
    with pytest.raises(DTypeError, match="x must be float32 or float64"):
        Dropout()(np.ones(3, int))
