"""The graphs in the package, and questions grouped from triples."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbbilinear.errors import ConfigError
from nbbilinear.kg.data import load, names, questions, with_inverses

SIZES = {
    "kinships": (104, 25, 8544, 1068, 1074),
    "umls": (135, 46, 5216, 652, 661),
    "nations": (14, 55, 1592, 199, 201),
}
TRIPLES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), st.integers(0, 6)), min_size=1, max_size=40)


def test_every_graph_is_listed():
    assert set(names()) == set(SIZES)


@pytest.mark.parametrize("name", SIZES)
def test_graph_has_the_published_sizes(name):
    graph = load(name)
    assert (graph.name, *map(len, graph[1:])) == (name, *SIZES[name])


@pytest.mark.parametrize("name", SIZES)
def test_triples_point_at_names_and_parts_do_not_overlap(name):
    graph = load(name)
    parts = [graph.train, graph.valid, graph.test]
    limits = (len(graph.entities), len(graph.relations), len(graph.entities))
    for part in parts:
        assert part.dtype == np.int32
        assert (part >= 0).all()
        assert (part < limits).all()
    everything = np.concatenate(parts)
    assert len(np.unique(everything, axis=0)) == len(everything)
    assert len(set(graph.entities)) == limits[0]
    assert len(set(graph.relations)) == limits[1]


@pytest.mark.parametrize("name", ["fb15k-237", "", "../data", "kinships.npz"])
def test_unknown_graph_is_refused_with_the_names_there_are(name):
    with pytest.raises(ConfigError, match="kinships, nations, umls"):
        load(name)


@given(TRIPLES)
def test_questions_are_those_of_a_dictionary(triples):
    expected = defaultdict(set)
    for head, relation, tail in triples:
        expected[relation, head].add(tail)

    asked = questions(np.array(triples))

    assert list(zip(asked.relations, asked.heads, strict=True)) == sorted(expected)
    segments = [asked.tails[a:b].tolist() for a, b in zip(asked.offsets, asked.offsets[1:], strict=False)]
    assert segments == [sorted(expected[key]) for key in sorted(expected)]


@given(TRIPLES, st.randoms(use_true_random=False))
def test_answers_mark_exactly_the_tails_in_any_order_and_repeated(triples, random):
    known = set(triples)
    rows = [random.choice(triples) for _ in range(7)]
    asked, heads, relations = questions(np.array(triples)), *np.array(rows).T[:2]

    marked = asked.answers(asked.find(heads, relations), 7)

    assert marked.tolist() == [[(h, r, t) in known for t in range(7)] for h, r, _ in rows]


@given(TRIPLES)
def test_inverses_swap_head_and_tail_under_a_relation_of_their_own(triples):
    doubled = with_inverses(np.array(triples), 4).tolist()
    assert doubled == [[h, r, t] for h, r, t in triples] + [[t, r + 4, h] for h, r, t in triples]
