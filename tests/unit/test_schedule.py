"""Schedules: torch's learning rates, states, refusals."""

import math
import pickle
from pathlib import Path

import numpy as np
import pytest

from nbbilinear.errors import CheckpointError, ConfigError
from nbbilinear.layers import Parameter
from nbbilinear.optim import SGD, CosineDecay, Schedule, StepDecay, Warmup

GOLDEN = Path(__file__).parents[1] / "golden" / "training"
FUNCTIONS = {
    "step": StepDecay(7, 0.3),
    "cosine": CosineDecay(29, end=0.1),  # torch has the rate itself: 0.05 of 0.5
    "warmup": Warmup(8, start=0.2),
    "both": Warmup(8, start=0.2, then=CosineDecay(21)),
}


def optimizer(lr=0.5):
    return SGD([Parameter([1.0])], lr=lr)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_rates_are_torchs(name):
    trained = optimizer()
    schedule, rates = Schedule(trained, FUNCTIONS[name]), []
    for _ in range(30):
        rates.append(trained.lr)
        schedule.step()
    # torch's recursions add up some 30 roundings
    np.testing.assert_allclose(rates, np.load(GOLDEN / "schedules.npz")[name], rtol=1e-13, atol=1e-15)


def test_cosine_stays_at_its_end():
    decay = CosineDecay(10, end=0.25)
    assert [decay(count) for count in (0, 10, 11, 1000)] == [1.0, 0.25, 0.25, 0.25]
    assert decay(5) == pytest.approx(0.625)


def test_warmup_then_warmup():
    schedule = Warmup(2, 0.0, then=Warmup(2, 0.5, then=StepDecay(1, 0.5)))
    assert [schedule(count) for count in range(7)] == [0.0, 0.5, 0.5, 0.75, 1.0, 0.5, 0.25]


def test_functions_are_compared_and_pickled():
    for function in FUNCTIONS.values():
        assert pickle.loads(pickle.dumps(function)) == function
    assert StepDecay(3) != StepDecay(4)


def test_training_uses_the_rate():
    trained = optimizer(lr=1.0)
    schedule = Schedule(trained, lambda count: 0.5**count)
    for _ in range(3):
        trained.parameters[0].grad = np.ones(1)
        trained.step()
        schedule.step()
    assert trained.parameters[0].data == 1 - 1.75


def test_goes_on_from_a_state():
    whole, first = optimizer(), optimizer()
    schedule, begun = (Schedule(one, FUNCTIONS["both"]) for one in (whole, first))
    for _ in range(12):
        schedule.step()
        begun.step()
    state = begun.state_dict()
    begun.step()
    later = optimizer(lr=0.1)
    resumed = Schedule(later, FUNCTIONS["both"])
    resumed.load_state_dict(state)
    for _ in range(5):
        assert later.lr == whole.lr
        schedule.step()
        resumed.step()
    assert (resumed.count, resumed.base) == (17, 0.5)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"count": 1},
        {"count": 1, "base": 0.1, "more": 0},
        {"count": -1, "base": 0.1},
        {"count": 1.0, "base": 0.1},
        {"count": [1, 2], "base": 0.1},
        {"count": 1, "base": math.nan},
        {"count": 1, "base": "fast"},
    ],
)
def test_states_that_do_not_fit_change_nothing(state):
    trained = optimizer()
    schedule = Schedule(trained, StepDecay(2))
    with pytest.raises(CheckpointError):
        schedule.load_state_dict(state)
    assert (schedule.count, schedule.base, trained.lr) == (0, 0.5, 0.5)


@pytest.mark.parametrize("factor", [-0.1, math.nan, math.inf, None, "half"])
def test_factors_without_meaning_change_nothing(factor):
    trained = optimizer()
    with pytest.raises(ConfigError, match="the factor at count 0 must be a finite number >= 0"):
        Schedule(trained, lambda count: factor)
    schedule = Schedule(trained, lambda count: factor if count else 0.5)
    with pytest.raises(ConfigError, match="the factor at count 1 must be"):
        schedule.step()
    assert (schedule.count, trained.lr) == (0, 0.25)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: Schedule(optimizer(), 0.5), "function"),
        (lambda: StepDecay(0), "every"),
        (lambda: StepDecay(1.5), "every"),
        (lambda: StepDecay(2, -1), "factor"),
        (lambda: CosineDecay(0), "steps"),
        (lambda: CosineDecay(2, math.inf), "end"),
        (lambda: Warmup(0), "steps"),
        (lambda: Warmup(2, "low"), "start"),
        (lambda: Warmup(2, then=0.5), "then"),
    ],
)
def test_arguments_without_meaning(call, name):
    with pytest.raises(ConfigError, match=name):
        call()
