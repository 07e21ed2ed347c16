"""A model with names: questions and answers in words, and the file that carries both."""

import numpy as np
import pytest

from nbbilinear.errors import CheckpointError, ConfigError
from nbbilinear.kg import NamedRescal, Rescal, load

NATIONS = load("nations")


@pytest.fixture
def named():
    return NamedRescal(Rescal(14, 55, 6, rng=0), NATIONS.entities, NATIONS.relations)


def test_answers_are_the_scores_with_names_the_greatest_first(named):
    head, relation = 3, 7
    for side, offset in ((named.tails, 0), (named.heads, 55)):
        scores = named.model.scores([head], [relation + offset])[0]
        words = (NATIONS.entities[head], NATIONS.relations[relation])
        found = side(*words if offset == 0 else words[::-1], most=14)
        assert found == [(NATIONS.entities[i], scores[i]) for i in sorted(range(14), key=lambda i: -scores[i])]
    assert len(named.tails(*words)) == 10


@pytest.mark.parametrize(("words", "said"), [(("usa", "loves"), "relation 'loves'"), (("mars", "aidenemy"), "entity")])
def test_unknown_names_are_refused(words, said, named):
    with pytest.raises(ConfigError, match=f"has no {said}"):
        named.tails(*words)
    with pytest.raises(ConfigError, match=f"has no {said}"):
        named.heads(*words[::-1])


def test_names_come_back_whatever_they_are(tmp_path):
    names = np.array(["", " a", '"', "ö\u0085", "x" * 100_000, "\u2028", "a\rb"], np.dtypes.StringDType())
    NamedRescal(Rescal(7, 1, 2, rng=0), names, names[3:4]).save(tmp_path / "m.npz")
    again = NamedRescal.load(tmp_path / "m.npz")
    assert (list(again.entities), list(again.relations)) == (list(names), [names[3]])
    assert (tmp_path / "m.npz").stat().st_size < 150_000


def test_a_file_with_names_is_a_model_as_well_and_one_without_is_refused(named, tmp_path):
    named.save(tmp_path / "named.npz")
    for model in (Rescal.load(tmp_path / "named.npz"), NamedRescal.load(tmp_path / "named.npz").model):
        for name, array in named.model.state_dict().items():
            np.testing.assert_array_equal(model.state_dict()[name], array)
    named.model.save(tmp_path / "plain.npz")
    with pytest.raises(CheckpointError, match="expected arrays entities, entity_names"):
        NamedRescal.load(tmp_path / "plain.npz")


@pytest.mark.parametrize(
    "wrong",
    [
        {"entity_names": np.zeros(3)},
        {"entity_names": np.zeros((2, 2), np.uint8)},
        {"relation_names": np.frombuffer(b"\xff", np.uint8)},
        {"relation_names": np.frombuffer(b"a\nb", np.uint8)},
        {"entities": np.zeros((3, 5), np.float32)},
        {"entity_names": np.array(["usa"])},
    ],
)
def test_names_that_are_none_or_do_not_fit_are_refused(wrong, named, tmp_path):
    named.save(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz") as stored:
        arrays = dict(stored) | wrong
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(CheckpointError):
        NamedRescal.load(tmp_path / "m.npz")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"entities": NATIONS.entities[:3]}, "14 entities and 55 relations cannot be saved with 3 and 55 names"),
        ({"relations": np.append(NATIONS.relations, "x")}, "with 14 and 56 names"),
        ({"entities": np.array(["a\nb", *NATIONS.entities[1:]])}, "line end cannot be saved: 'a\\\\nb'"),
        ({"entities": np.array(["\ud800", *NATIONS.entities[1:]], object)}, "cannot be saved as UTF-8"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(change, said, named, tmp_path):
    named.save(tmp_path / "m.npz")
    before = (tmp_path / "m.npz").read_bytes()
    with pytest.raises(ConfigError, match=said):
        named._replace(**change).save(tmp_path / "m.npz")
    named.model.entities.data = named.model.entities.data[:, :4]
    for model in (named, named.model):
        with pytest.raises(ConfigError, match=r"cannot be saved: expected entities \(N, d\)"):
            model.save(tmp_path / "m.npz")
    assert (tmp_path / "m.npz").read_bytes() == before


@pytest.mark.parametrize("most", [-1, 1.5, "3"])
def test_what_is_no_count_is_refused(most, named):
    with pytest.raises(ConfigError, match="most must be a whole number >= 0"):
        named.tails("usa", "aidenemy", most=most)
    assert named.tails("usa", "aidenemy", most=0) == []
