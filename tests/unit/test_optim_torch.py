"""Optimisers, and a layer trained by them, against torch's recorded numbers, step by step."""

import json
from pathlib import Path

import numpy as np
import pytest

from nbbilinear import optim
from nbbilinear.layers import Bilinear, Parameter
from nbbilinear.losses import cross_entropy

GOLDEN = Path(__file__).parents[1] / "golden" / "optim"
STEPS = 50
# 50 steps of some ten roundings each, on values below 8: 50 * 10 * 1.1e-16 * 8 at the very worst.
FLOAT64 = 5e-13
DENSE = [
    "sgd_plain",
    "sgd_momentum",
    "sgd_nesterov",
    "sgd_weight_decay",
    "sgd_dampening",
    "adam_plain",
    "adam_weight_decay",
]


def recorded_optimizer(recorded, parameters):
    return getattr(optim, str(recorded["kind"]))(parameters, **json.loads(str(recorded["options"])))


@pytest.mark.parametrize("name", DENSE)
def test_every_step_is_torchs(name):
    recorded = np.load(GOLDEN / f"{name}.npz")
    parameters = {part: Parameter(recorded[f"start_{part}"]) for part in ("matrix", "vector")}
    optimizer = recorded_optimizer(recorded, parameters.values())
    for step in range(STEPS):
        for part, parameter in parameters.items():
            parameter.grad = recorded[f"grad_{part}"][step]
        optimizer.step()
        for part, parameter in parameters.items():
            np.testing.assert_allclose(parameter.data, recorded[f"after_{part}"][step], rtol=0, atol=FLOAT64)


@pytest.mark.parametrize("name", ["rows_adam_plain", "rows_adam_weight_decay"])
def test_touched_rows_are_sparse_adams(name):
    recorded = np.load(GOLDEN / f"{name}.npz")
    parameter = Parameter(recorded["start"])
    optimizer = recorded_optimizer(recorded, [parameter])
    for step in range(STEPS):
        parameter.grad = recorded["grads"][step]
        optimizer.step(touched={parameter: recorded["rows"][step]})
        np.testing.assert_allclose(parameter.data, recorded["after"][step], rtol=0, atol=FLOAT64)
    np.testing.assert_array_equal(parameter.data[10:], np.load(GOLDEN / f"{name}.npz")["start"][10:])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["layer_sgd", "layer_adam"])
def test_training_a_layer_is_torchs(name, dtype):
    recorded = np.load(GOLDEN / f"{name}.npz")
    x1, x2, targets = (recorded[part].astype(dtype) for part in ("x1", "x2", "targets"))
    layer = Bilinear(3, 4, 5, dtype=dtype)
    layer.load_state_dict({part: recorded[part] for part in ("weight", "bias")})
    optimizer = recorded_optimizer(recorded, layer.parameters())
    snapshots = list(recorded["snapshots"])
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        loss = cross_entropy(layer(x1, x2), targets)
        dx = layer.backward(loss.grad)
        optimizer.step()
        assert_as_exact_as_torch(loss.value, recorded, "losses", dtype, step - 1)
        if step == 1:
            assert_as_exact_as_torch(dx.dx1, recorded, "dx1", dtype, ...)
            assert_as_exact_as_torch(dx.dx2, recorded, "dx2", dtype, ...)
        if step in snapshots:
            for part, parameter in layer.named_parameters():
                assert_as_exact_as_torch(parameter.data, recorded, f"after_{part}", dtype, snapshots.index(step))


def assert_as_exact_as_torch(got, recorded, part, dtype, place):
    """In float64 equal; in float32 no farther from float64 than torch strays from it, up to a factor.

    Both round some 50 times per step, in different orders, so their errors are alike in size and not in sign: torch's
    own distance from its float64 run, over the whole record of this quantity, is the yardstick. Four of it, and a few
    roundings of the largest value for quantities of which there is one only.
    """
    exact = recorded[f"{part}_float64"]
    strayed, tolerance = 0.0, FLOAT64
    if dtype == "float32":
        strayed = abs(recorded[f"{part}_float32"] - exact).max()
        tolerance = 4 * strayed + 4 * np.finfo(np.float32).eps * abs(exact).max()
        assert tolerance < 4e-6  # the yardstick itself is short
        np.testing.assert_allclose(got, recorded[f"{part}_float32"][place], rtol=0, atol=1e-6)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, exact[place], rtol=0, atol=tolerance)
