"""Building an optimiser: what is refused, by name."""

import math

import numpy as np
import pytest

from nbbilinear.errors import ConfigError
from nbbilinear.layers import Parameter
from nbbilinear.optim import SGD, Adagrad, Adam

ONE = Parameter(np.ones((8, 3)))


@pytest.mark.parametrize(
    ("kind", "options", "name"),
    [
        *((kind, {"lr": lr}, "lr") for kind in (SGD, Adam, Adagrad) for lr in (-1, math.nan, math.inf, "fast", None)),
        *((SGD, {name: -0.1}, name) for name in ("momentum", "dampening", "weight_decay")),
        *((Adam, {name: -0.1}, name) for name in ("eps", "weight_decay")),
        *((Adagrad, {name: -0.1}, name) for name in ("lr_decay", "weight_decay", "initial_accumulator_value", "eps")),
        *((Adam, {"betas": b}, "betas") for b in ((0.9, 1.0), (-0.1, 0.9), (0.9,), 0.9, ("a", 0.9), (0.1, 0.2, 0.3))),
        (SGD, {"nesterov": True}, "nesterov"),
        (SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "nesterov"),
    ],
)
def test_arguments_without_meaning(kind, options, name):
    with pytest.raises(ConfigError, match=f"^{name} "):
        kind([ONE], **options)


@pytest.mark.parametrize(
    "parameters",
    [[], [np.ones(2)], [None], 3, ONE, [ONE] * 2],
    ids=lambda p: type(p).__name__,
)
def test_parameters_without_meaning(parameters):
    with pytest.raises(ConfigError, match=r"^parameters must"):
        SGD(parameters)
