"""Training: what an epoch does, what it leaves alone, and what an interruption leaves."""

import math
from itertools import islice

import numpy as np
import pytest

from nbbilinear.errors import ConfigError, ShapeError
from nbbilinear.kg import steps as parts
from nbbilinear.kg import training
from nbbilinear.kg.data import load, questions, with_inverses
from nbbilinear.kg.ranking import evaluate
from nbbilinear.kg.rescal import Rescal
from nbbilinear.kg.settings import Settings
from nbbilinear.kg.steps import batches, gradient
from nbbilinear.kg.training import train

NATIONS = load("nations")
SHORT = Settings(epochs=4, evaluate_every=3)


def untrained(graph=NATIONS, dim=8, seed=0):
    return Rescal(len(graph.entities), len(graph.relations), dim, rng=seed)


def trained(graph=NATIONS, settings=SHORT):
    model = untrained(graph)
    return model, list(train(model, graph, settings))


def same(a, b):
    return all(np.array_equal(array, b[name]) for name, array in a.items())


@pytest.mark.thorough
def test_kinships_is_learnt():
    """Half of the epochs of the demonstration; ConvE, published, has 0.83 after all of its own."""
    kinships = load("kinships")
    model = untrained(kinships, dim=100)
    last = list(train(model, kinships, Settings(epochs=40, evaluate_every=40)))[-1]
    assert last.valid.mrr > 0.80
    assert evaluate(model.scores, kinships, kinships.test).both.mrr > 0.80


def test_reports_count_epochs_fall_in_loss_and_validate_when_due():
    _, reports = trained()
    assert [report.epoch for report in reports] == [1, 2, 3, 4]
    assert [report.valid is not None for report in reports] == [True, False, True, True]
    losses = [report.loss for report in reports]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] == pytest.approx(math.log(14), rel=0.05)  # that of no opinion on 14 entities
    assert all(report.triples_per_second > 0 for report in reports)


def test_validation_metrics_are_those_of_the_model_at_that_epoch():
    model, reports = trained()
    assert reports[-1].valid == evaluate(model.scores, NATIONS, NATIONS.valid).both


def test_same_seed_same_bits_and_another_seed_others():
    states = [trained(settings=SHORT._replace(seed=seed))[0].state_dict() for seed in (3, 3, 4)]
    assert same(states[0], states[1])
    assert not same(states[0], states[2])


def test_the_learning_rate_falls_to_zero_in_a_straight_line(monkeypatch):
    rates = []

    class Recorder(training.Adam):
        def step(self, touched=None):
            rates.append(self.lr)
            super().step(touched)

    monkeypatch.setattr(training, "Adam", Recorder)
    trained(settings=SHORT._replace(learning_rate=0.4))
    assert list(dict.fromkeys(rates)) == pytest.approx([0.4, 0.3, 0.2, 0.1])


def test_validation_and_test_parts_teach_nothing():
    """Other triples there, same model; the filter of the ranks, not the model, depends on them."""
    other = NATIONS._replace(test=NATIONS.test[:3], valid=NATIONS.valid[::-1][:50])
    assert same(trained()[0].state_dict(), trained(other)[0].state_dict())


def test_relations_never_seen_stay_as_they_were():
    """Weight decay included: one relation in training, and its inverse."""
    model, graph = untrained(), NATIONS._replace(train=NATIONS.train[NATIONS.train[:, 1] == 7])
    before = model.state_dict()["relations"]
    list(train(model, graph, SHORT))
    changed = (model.relations.data != before).any(axis=(1, 2))
    assert np.flatnonzero(changed).tolist() == [7, 7 + 55]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("step", [0, 17])
def test_an_interrupted_epoch_is_undone(interruption, step, monkeypatch):
    model = untrained()
    running = train(model, NATIONS, SHORT)
    next(running)
    whole = model.state_dict()
    steps = iter(range(1000))

    def stopped(*arguments):
        if next(steps) == step:
            raise interruption
        return cross_entropy(*arguments)

    cross_entropy = parts.cross_entropy
    monkeypatch.setattr(parts, "cross_entropy", stopped)
    with pytest.raises(interruption):
        next(running)

    assert same(whole, model.state_dict())
    assert all(parameter.grad is None for parameter in model.parameters())
    monkeypatch.undo()
    assert len(list(train(model, NATIONS, SHORT))) == 4


def test_taking_no_further_report_stops_training():
    model = untrained()
    list(islice(train(model, NATIONS, SHORT), 2))
    whole, reference = model.state_dict(), untrained()
    running = train(reference, NATIONS, SHORT)
    next(running)
    next(running)
    assert same(whole, reference.state_dict())


@pytest.mark.parametrize("size", [1, 5, 10_000])
def test_batches_ask_every_question_once_one_relation_at_a_time(size):
    asked = questions(with_inverses(NATIONS.train, 55))
    parts = batches(asked, size, np.random.default_rng(0))
    assert sorted(np.concatenate(parts)) == list(range(len(asked.heads)))
    assert all(1 <= len(part) <= size for part in parts)
    assert all(len(set(asked.relations[part])) == 1 for part in parts)
    assert [asked.relations[part[0]] for part in parts] != sorted(asked.relations[part[0]] for part in parts)


def test_loss_is_the_smoothed_cross_entropy_of_the_answers():
    model, asked, rows = untrained(), questions(with_inverses(NATIONS.train, 55)), np.array([3, 200, 777])
    expected = 0.0
    for row in rows:
        scores = model.scores(asked.heads[[row]], asked.relations[[row]])[0].astype(float)
        total = math.log(math.fsum(math.exp(s) for s in scores))
        answers = set(asked.tails[asked.offsets[row] : asked.offsets[row + 1]].tolist())
        for tail, score in enumerate(scores):
            share = 0.7 * (tail in answers) / len(answers) + 0.3 / 14
            expected -= share * (score - total) / len(rows)
    assert gradient(model, asked, rows, smoothing=0.3) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"epochs": 1.5},
        {"batch": 0},
        {"batch": "64"},
        {"evaluate_every": 0},
        {"smoothing": 1.0},
        {"smoothing": -0.1},
        {"learning_rate": math.nan},
        {"weight_decay": -1},
        {"seed": -1},
        {"seed": 0.5},
    ],
)
def test_settings_without_meaning_are_refused_before_the_first_epoch(wrong):
    with pytest.raises(ConfigError):
        train(untrained(), NATIONS, Settings(**wrong))


def test_a_model_of_other_sizes_is_refused():
    with pytest.raises(ShapeError, match="14 entities and 55 relations"):
        train(Rescal(14, 54, 8, rng=0), NATIONS)
