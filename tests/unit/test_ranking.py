"""Filtered ranks with realistic ties, against plain Python and against ranks that PyKEEN computed."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbbilinear.kg import ranking
from nbbilinear.kg.data import load
from nbbilinear.kg.ranking import Metrics, evaluate, filtered_ranks, ranks
from nbbilinear.kg.rescal import Rescal
from nbbilinear.kg.training import Training

GOLDEN = Path(__file__).parents[1] / "golden" / "kg"
RECORDED = {"mrr": "mrr", "hits1": "hits@1", "hits3": "hits@3", "hits10": "hits@10"}
ROWS = st.lists(
    st.tuples(
        st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0, -np.inf]), min_size=5, max_size=5),
        st.integers(0, 4),
        st.lists(st.booleans(), min_size=5, max_size=5),
    ),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module", params=["kinships", "umls", "nations"])
def recorded(request):
    """A graph, the model that PyKEEN trained on it, and what PyKEEN measured."""
    with np.load(GOLDEN / f"{request.param}_pykeen_rescal.npz") as stored:
        arrays = {name: stored[name] for name in ("A", "W", "ranks_head", "ranks_tail")}
    graph, (_, dim) = load(request.param), arrays["A"].shape
    model = Rescal(len(graph.entities), len(graph.relations), dim, rng=0)
    model.load_state_dict({"entities": arrays["A"], "relations": arrays["W"]})
    facts = json.loads((GOLDEN / f"{request.param}_pykeen_rescal.json").read_text())
    return graph, model, arrays, facts["metrics"]


def test_metrics_are_those_of_pykeen(recorded):
    graph, model, _, expected = recorded
    found = evaluate(model.scores, graph, graph.test)
    for side, metrics in found._asdict().items():
        for name, value in metrics._asdict().items():
            assert value == pytest.approx(expected[f"{side}.{RECORDED[name]}"], abs=1e-6), (side, name)


def test_every_rank_is_that_of_pykeen(recorded):
    graph, model, arrays, _ = recorded
    head, tail = ranks(model.scores, graph, graph.test)
    np.testing.assert_array_equal(head, arrays["ranks_head"])
    np.testing.assert_array_equal(tail, arrays["ranks_tail"])


@given(ROWS)
def test_ranks_are_the_mean_of_the_best_and_the_worst_place(rows):
    scores, truth, known = (np.array(column) for column in zip(*rows, strict=True))

    found = filtered_ranks(scores, truth, known)

    for rank, (row, true, marked) in zip(found, rows, strict=True):
        rivals = [row[e] for e in range(5) if e != true and not marked[e]]
        best = 1 + sum(s > row[true] for s in rivals)
        worst = 1 + sum(s >= row[true] for s in rivals)
        assert rank == (best + worst) / 2


@pytest.mark.parametrize("scores", [[np.nan, 1.0, 2.0], [np.nan] * 3])
def test_a_score_that_is_no_number_ranks_last(scores):
    found = filtered_ranks(np.array([scores]), np.array([0]), np.zeros((1, 3), bool))
    assert found == [3]


def test_a_rival_that_is_no_number_ranks_before():
    assert filtered_ranks(np.array([[1.0, np.nan, 0.0]]), np.array([0]), np.zeros((1, 3), bool)) == [2]


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_answers_known_from_any_part_do_not_count_as_rivals(part):
    """Entity 1 scores best everywhere; it is a true answer, in one of the parts only."""
    nothing = np.empty((0, 3), np.int32)
    parts = dict.fromkeys(("train", "valid", "test"), nothing) | {part: np.array([[0, 0, 1]], np.int32)}
    graph = load("nations")._replace(**parts)

    def score(heads, relations):
        return np.tile(np.eye(14)[1] + 0.5 * np.eye(14)[2], (len(heads), 1))

    head, tail = ranks(score, graph, np.array([[0, 0, 2]]))

    assert tail.tolist() == [1]
    assert head.tolist() == [3 + 11 / 2]  # entity 0 behind 1 and 2, level with the other eleven


def test_ranks_keep_the_order_of_the_triples_beyond_one_block_of_questions():
    graph = load("kinships")
    by_tail = np.random.default_rng(0).normal(size=len(graph.entities))

    def score(heads, relations):
        return by_tail + 0.1 * heads[:, None] * np.arange(len(by_tail)) % 7 + relations[:, None]

    head, tail = ranks(score, graph, graph.test)
    backwards = ranks(score, graph, graph.test[::-1])

    assert len(graph.test) > 1024
    np.testing.assert_array_equal(backwards, (head[::-1], tail[::-1]))


@pytest.mark.parametrize("cells", [1, 14 * 30, 1 << 26])
def test_a_block_of_questions_has_no_more_scores_than_there_may_be(cells, monkeypatch):
    graph, sizes = load("nations"), []

    def score(heads, relations):
        sizes.append(len(heads))
        return heads[:, None] * np.arange(14) % 5 + relations[:, None]

    expected = ranks(score, graph, graph.test)
    sizes.clear()
    monkeypatch.setattr(ranking, "_CELLS", cells)
    np.testing.assert_array_equal(ranks(score, graph, graph.test), expected)
    assert max(sizes) == {1: 1, 14 * 30: 30, 1 << 26: 402}[cells]


def test_metrics_of_known_ranks():
    assert Metrics.of(np.array([1, 2, 3.5, 10, 20])) == pytest.approx((1.9357142857142857 / 5, 0.2, 0.4, 0.8))


@pytest.mark.parametrize("wrong", [[-1, 0, 1], [0, -1, 1], [0, 0, -1], [14, 0, 1], [0, 55, 1], [0, 0, 14]])
def test_triples_of_what_the_graph_has_not_are_refused(wrong):
    nations = load("nations")
    triples = np.array([[0, 0, 1], wrong])
    with pytest.raises(IndexError, match="must be >= 0 and < "):
        evaluate(lambda heads, relations: np.zeros((len(heads), 14)), nations, triples)
    with pytest.raises(IndexError, match="of valid triples"):
        Training(Rescal(14, 55, 2, rng=0), nations._replace(valid=triples))


def test_a_true_answer_that_no_entity_is_has_no_rank():
    with pytest.raises(IndexError):
        filtered_ranks(np.zeros((1, 3)), np.array([-1]), np.zeros((1, 3), bool))
