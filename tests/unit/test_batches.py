"""Batches: every row once, reproducibly, in an order of their own; refusals."""

import random

import numpy as np
import pytest

from nbbilinear import Batches
from nbbilinear.errors import ConfigError, DTypeError, ShapeError

X, LABELS = np.arange(22.0).reshape(11, 2), np.arange(11)


def epochs(batches, count=3):
    return [[labels.tolist() for _, labels in batches] for _ in range(count)]


@pytest.mark.parametrize("size", [1, 3, 11, 20])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("drop_last", [True, False])
def test_every_row_once_and_side_by_side(size, shuffle, drop_last):
    batches = Batches((X, LABELS), size, shuffle=shuffle, drop_last=drop_last, rng=0)
    for _ in range(2):
        found = list(batches)
        assert len(found) == len(batches)
        sizes = [size] * (11 // size) + ([11 % size] if 11 % size and not drop_last else [])
        assert [len(labels) for _, labels in found] == sizes
        seen = [label for _, labels in found for label in labels.tolist()]
        assert len(set(seen)) == len(seen) == sum(sizes)
        assert shuffle or seen == list(range(sum(sizes)))
        for x, labels in found:
            np.testing.assert_array_equal(x, X[labels])


def test_the_same_seed_gives_the_same_epochs():
    one, same, other = (epochs(Batches((X, LABELS), 4, rng=seed)) for seed in (5, np.random.default_rng(5), 6))
    assert one == same
    assert one != other
    assert one[0] != one[1] != one[2]
    assert epochs(Batches((X, LABELS), 4)) != epochs(Batches((X, LABELS), 4))


def test_global_state_is_neither_used_nor_changed():
    def states():
        return random.getstate(), repr(np.random.get_state())  # noqa: NPY002 - the very thing

    before = states()
    one = epochs(Batches((X, LABELS), 4, rng=5))
    assert states() == before
    np.random.seed(1)  # noqa: NPY002
    assert epochs(Batches((X, LABELS), 4, rng=5)) == one


def test_epochs_have_the_order_in_which_they_began():
    batches, reference = (Batches((X, LABELS), 4, rng=5) for _ in "12")
    first, second = iter(batches), iter(batches)
    late = [[labels.tolist() for _, labels in epoch] for epoch in (second, first)]
    assert late[::-1] == epochs(reference, 2)


def test_a_saved_state_goes_on():
    batches = Batches((X, LABELS), 4, rng=5)
    epochs(batches, 2)
    state = batches.rng.bit_generator.state
    want = epochs(batches)
    other = Batches((X, LABELS), 4, rng=0)
    other.rng.bit_generator.state = state
    assert epochs(other) == want


def test_copies_and_views():
    arrays = X.copy(), LABELS.copy()
    for x, _ in Batches(arrays, 4, rng=0):
        x[:] = 0
    np.testing.assert_array_equal(arrays[0], X)
    first, _ = next(iter(Batches(arrays, 4, shuffle=False)))
    assert np.shares_memory(first, arrays[0])


def test_any_rows():
    names = np.array(["a", "b", "c"])
    found = list(Batches([[[1, 2], [3, 4], [5, 6]], names, np.ones((3, 0, 2), np.float32)], 2, shuffle=False))
    assert [[a.shape for a in batch] for batch in found] == [[(2, 2), (2,), (2, 0, 2)], [(1, 2), (1,), (1, 0, 2)]]
    assert found[1][1] == ["c"]
    nothing = Batches((np.ones((0, 3)),), 2)
    assert (len(nothing), list(nothing)) == (0, [])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (((X, LABELS[:5]), 2), ShapeError, r"arrays\[1\] +\(5,\)"),
        (((X, np.array(1.0)), 2), ShapeError, "expected as many rows in every array"),
        (((np.array(1.0),), 2), ShapeError, "expected as many rows in every array"),
        ((X, 2), ConfigError, r"arrays must be several in a tuple, as \(x,\), got ndarray"),
        (((), 2), ConfigError, "arrays must be several"),
        (((X, [[1], [2, 3]]), 2), DTypeError, "rectangular"),
        (((X,), 0), ConfigError, "size must be a whole number >= 1, got 0"),
        (((X,), 2.0), ConfigError, "size must be a whole number >= 1, got 2.0"),
    ],
)
def test_arguments_without_meaning(arguments, error, message):
    with pytest.raises(error, match=message):
        Batches(*arguments)


def test_sources_without_meaning():
    with pytest.raises(ConfigError, match="rng must be"):
        Batches((X,), 2, rng="seed")
