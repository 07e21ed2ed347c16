"""RESCAL: scores and gradients against plain Python, files whole and checked."""

import math
import struct
import zipfile
from itertools import product

import numpy as np
import pytest

from nbbilinear.errors import CheckpointError, ConfigError, DTypeError, ShapeError
from nbbilinear.kg.rescal import Rescal

HEADS, RELATIONS = np.array([3, 0, 3, 3, 1]), np.array([2, 0, 2, 5, 0])  # heads and relations come again


def small(dtype=np.float64):
    return Rescal(entities=4, relations=3, dim=3, rng=5, dtype=dtype)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.npz"
    small().save(path)
    return path


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_are_the_bilinear_products(dtype):
    model = small(dtype)
    E, W = model.entities.data.astype(float), model.relations.data.astype(float)
    found = model.scores(HEADS, RELATIONS)
    assert found.dtype == dtype
    for (b, (h, r)), t in product(enumerate(zip(HEADS, RELATIONS, strict=True)), range(4)):
        terms = [E[h, i] * W[r, i, j] * E[t, j] for i in range(3) for j in range(3)]
        # nine terms of three factors: at most twelve roundings each
        assert abs(found[b, t] - math.fsum(terms)) <= 12 * np.finfo(dtype).eps * math.fsum(map(abs, terms))


@pytest.mark.parametrize("name", ["entities", "relations"])
def test_gradient_is_the_slope_of_the_scores(name):
    model, weights = small(), np.random.default_rng(1).normal(size=(5, 4))
    model.backward(weights, HEADS, RELATIONS)
    array, slope, step = model.state_dict()[name], getattr(model, name).grad, 1e-5
    for place in np.ndindex(array.shape):
        ends = []
        for sign in (1, -1):
            moved = array.copy()
            moved[place] += sign * step
            model.load_state_dict({**model.state_dict(), name: moved})
            ends.append((weights * model.scores(HEADS, RELATIONS)).sum())
        # the scores are quadratic at most in any entry: central differences have rounding errors only
        assert slope[place] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-9)
        model.load_state_dict({**model.state_dict(), name: array})


def test_backward_adds_to_the_gradient():
    model, g = small(), np.ones((5, 4))
    model.backward(g, HEADS, RELATIONS)
    once = [parameter.grad.copy() for parameter in model.parameters()]
    model.backward(g, HEADS, RELATIONS)
    for parameter, first in zip(model.parameters(), once, strict=True):
        np.testing.assert_allclose(parameter.grad, 2 * first, rtol=1e-14)


def test_backward_and_clear_leave_other_relations_alone():
    model = small()
    model.relations.grad = np.full((6, 3, 3), 7.0)
    model.backward(np.ones((5, 4)), HEADS, RELATIONS)
    assert (model.relations.grad[[1, 3, 4]] == 7).all()
    assert (model.relations.grad[[0, 2, 5]] != 7).all()
    model.clear(np.array([0, 2]))
    assert (model.relations.grad[[0, 2]] == 0).all()
    assert (model.relations.grad[5] != 0).all()
    assert (model.entities.grad == 0).all()


def test_same_seed_same_model_and_another_seed_another():
    states = [Rescal(4, 3, 3, rng=seed).state_dict()["relations"] for seed in (1, 1, 2)]
    np.testing.assert_array_equal(states[0], states[1])
    assert not (states[0] == states[2]).any()


@pytest.mark.parametrize("sizes", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (-1, 1, 1), (1.5, 1, 1), (1, 1, "2")])
def test_sizes_without_meaning_are_refused(sizes):
    with pytest.raises(ConfigError, match="must be a whole number >= 1"):
        Rescal(*sizes)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_saved_model_comes_back_bit_for_bit(dtype, tmp_path):
    model = small(dtype)
    model.entities.data = np.asfortranarray(model.entities.data)
    model.save(tmp_path / "m.npz")
    again = Rescal.load(tmp_path / "m.npz")
    for name, array in model.state_dict().items():
        found = again.state_dict()[name]
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, array)


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(saved, monkeypatch):
    before = saved.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        Rescal(4, 3, 2, rng=0).save(saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_every_truncation_is_a_checkpoint_error(saved):
    whole = saved.read_bytes()
    for length in range(0, len(whole), 7):
        saved.write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            Rescal.load(saved)


def test_every_flipped_byte_is_a_checkpoint_error_or_changes_no_number(saved):
    whole, model = saved.read_bytes(), small()
    for place in range(len(whole)):
        saved.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        try:
            found = Rescal.load(saved)
        except CheckpointError:
            continue
        for name, array in model.state_dict().items():  # a date, a permission
            np.testing.assert_array_equal(found.state_dict()[name], array, err_msg=f"byte {place}")


@pytest.mark.parametrize(
    "arrays",
    [
        {"entities": np.ones((4, 3))},
        {"entities": np.ones((4, 3)), "relations": np.ones((6, 3, 3)), "more": np.ones(1)},
        {"entities": np.ones((4, 3)), "relations": np.ones((6, 3, 2))},
        {"entities": np.ones((4, 3)), "relations": np.ones((5, 3, 3))},
        {"entities": np.ones((4, 3)), "relations": np.ones((0, 3, 3))},
        {"entities": np.ones((0, 3)), "relations": np.ones((6, 3, 3))},
        {"entities": np.ones(3), "relations": np.ones((6, 3, 3))},
        {"entities": np.ones((4, 3)), "relations": np.ones((6, 3, 3), np.float32)},
        {"entities": np.ones((4, 3), int), "relations": np.ones((6, 3, 3), int)},
        {"entities": np.ones((4, 3), complex), "relations": np.ones((6, 3, 3), complex)},
        {"entities": np.ones((4, 3), np.float16), "relations": np.ones((6, 3, 3), np.float16)},
        {"entities": np.array([{}] * 4), "relations": np.ones((6, 3, 3))},
    ],
    ids=lambda arrays: " ".join(f"{a.shape}{a.dtype}" for a in arrays.values()),
)
def test_files_that_hold_no_model_are_refused(arrays, tmp_path):
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(CheckpointError):
        Rescal.load(tmp_path / "m.npz")


def test_compressed_files_are_refused_even_where_they_hide_no_size(tmp_path):
    random = np.random.default_rng(0).random
    np.savez_compressed(tmp_path / "m.npz", entities=random((4, 3)), relations=random((6, 3, 3)))
    with pytest.raises(CheckpointError):
        Rescal.load(tmp_path / "m.npz")


def test_a_header_that_promises_terabytes_takes_no_memory(tmp_path):
    text = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 3), }".ljust(117) + "\n"
    member = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + bytes(24)
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("entities.npy", member)
        archive.writestr("relations.npy", member)
    with pytest.raises(CheckpointError, match="another size"):
        Rescal.load(tmp_path / "m.npz")


def test_a_missing_file_is_the_system_s_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        Rescal.load(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("heads", "relations", "error"),
    [
        ([4], [0], IndexError),
        ([0], [6], IndexError),
        ([-1], [0], IndexError),
        ([0, 1], [0, -1], IndexError),
        ([0.5], [0], DTypeError),
        ([True], [0], DTypeError),
        ([[0]], [0], ShapeError),
        ([0, 1], [0], ShapeError),
        ([[0], [0, 1]], [0], ShapeError),
    ],
)
def test_entities_and_relations_that_are_not_there_are_errors(heads, relations, error):
    model = small()
    with pytest.raises(error):
        model.scores(heads, relations)
    with pytest.raises(error):
        model.backward(np.ones((len(heads), 4)), heads, relations)
    if heads == [0] and error is IndexError:
        with pytest.raises(error):
            model.clear(relations)
    assert model.entities.grad is model.relations.grad is None


def test_no_question_has_no_scores():
    assert small().scores([], []).shape == (0, 4)


@pytest.mark.parametrize("more", [{"rng": "x"}, {"rng": -1}, {"dtype": "int32"}, {"dtype": "nonsense"}])
def test_what_is_no_seed_or_dtype_is_refused(more):
    with pytest.raises((ConfigError, DTypeError)):
        Rescal(2, 1, 1, **more)


def test_the_reason_of_a_damaged_file_is_short(tmp_path):
    path = tmp_path / "model.npz"
    Rescal(30, 2, dim=40, rng=0).save(path)
    damaged = bytearray(path.read_bytes())
    damaged[26] ^= 0xFF  # the length of a name: zipfile then takes most of the file for the name, and quotes it
    damaged[27] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(CheckpointError) as caught:
        Rescal.load(path)
    assert len(str(caught.value)) < 400 + len(str(path))
