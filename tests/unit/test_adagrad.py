"""Adagrad against torch's recorded steps, whole and by rows."""

import json
from pathlib import Path

import numpy as np
import pytest

from nbbilinear.layers import Parameter
from nbbilinear.optim import Adagrad

GOLDEN = Path(__file__).parents[1] / "golden" / "training"
FLOAT64 = 5e-13  # 40 steps of some ten roundings each, on values below 8


@pytest.mark.parametrize("name", ["adagrad_plain", "adagrad_all"])
def test_every_step_is_torchs(name):
    recorded = np.load(GOLDEN / f"{name}.npz")
    parameters = {part: Parameter(recorded[f"start_{part}"]) for part in ("matrix", "vector")}
    optimizer = Adagrad(parameters.values(), **json.loads(str(recorded["options"])))
    for step in range(len(recorded["after_matrix"])):
        for part, parameter in parameters.items():
            parameter.grad = recorded[f"grad_{part}"][step]
        optimizer.step()
        for part, parameter in parameters.items():
            np.testing.assert_allclose(parameter.data, recorded[f"after_{part}"][step], rtol=0, atol=FLOAT64)


def test_touched_rows_are_those_of_sparse_gradients():
    recorded = np.load(GOLDEN / "adagrad_rows.npz")
    parameter = Parameter(recorded["start"].copy())
    optimizer = Adagrad([parameter], **json.loads(str(recorded["options"])))
    for rows, grad, after in zip(recorded["rows"], recorded["grads"], recorded["after"], strict=True):
        parameter.grad = grad
        optimizer.step(touched={parameter: rows})
        np.testing.assert_allclose(parameter.data, after, rtol=0, atol=FLOAT64)
    np.testing.assert_array_equal(parameter.data[10:], recorded["start"][10:])


def test_the_sum_starts_where_it_is_told():
    parameter = Parameter(np.ones((2, 2), np.float32))
    state = Adagrad([parameter], initial_accumulator_value=0.25).state_dict()
    np.testing.assert_array_equal(state["0.sum"], np.full((2, 2), 0.25, np.float32))
