"""Sparse weights: places in any order, named twice, outputs without any."""

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear.forms import Sparse


@pytest.fixture
def made():
    rng = np.random.default_rng(0)
    places = rng.integers(0, [4, 6, 5], (60, 3)).T  # some twice
    return Sparse(rng.integers(-3, 4, 60).astype(float), *places, (5, 6, 5)), rng  # none for the last output


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize(("lead1", "lead2"), [((70,), (70,)), ((7, 1), (1, 6)), ((3, 7, 1), (3, 1, 2)), ((), (4,))])
def test_is_the_full_product_bit_for_bit(made, lead1, lead2, backend):
    form, rng = made
    x1, x2 = (rng.integers(-3, 4, shape).astype(float) for shape in ((*lead1, 6), (*lead2, 5)))
    y, weight = nbl.bilinear(x1, x2, form, backend=backend), form.expand()
    np.testing.assert_array_equal(y, nbl.bilinear(x1, x2, weight, backend="numpy"))
    found = nbl.bilinear_backward(y, x1, x2, form, backend=backend)
    want = nbl.bilinear_backward(y, x1, x2, weight, backend="numpy")
    np.testing.assert_array_equal(found.x1, want.x1)
    np.testing.assert_array_equal(found.x2, want.x2)
    np.testing.assert_array_equal(found.weight.parameters["values"], _at_places(want.weight, form))


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_places_are_sorted_anew_where_inputs_are_exchanged(backend):
    """A form of its own for every row of x1 against all rows of x2: x1 takes the place of x2."""
    rng = np.random.default_rng(2)
    places = rng.integers(0, [5, 6, 5], (60, 3)).T
    form = Sparse(rng.integers(-3, 4, (3, 60)).astype(float), *places, (5, 6, 5))
    x1, x2 = rng.integers(-3, 4, (7, 1, 6)).astype(float), rng.integers(-3, 4, (1, 4, 5)).astype(float)
    index = rng.integers(3, size=(7, 1))
    y = nbl.bilinear(x1, x2, form, index=index, backend=backend)
    np.testing.assert_array_equal(y, nbl.bilinear(x1, x2, form.expand(), index=index, backend="numpy"))
    found = nbl.bilinear_backward(y, x1, x2, form, index=index, backend=backend)
    want = nbl.bilinear_backward(y, x1, x2, form.expand(), index=index, backend="numpy")
    np.testing.assert_array_equal(found.x2, want.x2)
    for mine, dense in zip(found.weight.parameters["values"], want.weight, strict=True):
        np.testing.assert_array_equal(mine, _at_places(dense, form))


def _at_places(dense, form):
    where = form.where
    sorted_values = dense[where.k, where.i, where.j]
    if where.order is None:
        return sorted_values
    found = np.empty_like(sorted_values)
    found[where.order] = sorted_values
    return found


def test_sorted_places_are_not_reordered():
    assert Sparse([1.0, 2.0], [0, 1], [0, 0], [1, 0], (2, 2, 2)).where.order is None


def test_no_places_at_all():
    form = Sparse(np.empty(0), [], [], [], (2, 3, 3))
    x = np.ones((4, 3))
    assert nbl.bilinear(x, x, form, np.array([1.0, 2.0])).tolist() == [[1, 2]] * 4
    found = nbl.bilinear_backward(np.ones((4, 2)), x, x, form)
    assert not found.x1.any()
    assert found.weight.parameters["values"].shape == (0,)


def test_clebsch_gordan_product_turns_with_its_inputs():
    """The cross product: 1 x 1 -> 1 of the rotation group."""
    cross = Sparse([1, -1, 1, -1, 1, -1.0], [0, 0, 1, 1, 2, 2], [1, 2, 2, 0, 0, 1], [2, 1, 0, 2, 1, 0], (3, 3, 3))
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 50, 3))
    np.testing.assert_allclose(nbl.bilinear(a, b, cross), np.cross(a, b), atol=1e-14)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    np.testing.assert_allclose(nbl.bilinear(a @ turn, b @ turn, cross), np.cross(a, b) @ turn, atol=1e-13)
