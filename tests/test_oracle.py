"""The oracle itself, against numbers worked by hand and against exact fractions."""

from fractions import Fraction

import numpy as np

import oracle


def test_the_worked_example():
    x1, x2, weight = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([[[5.0, 6.0], [7.0, 8.0]]])
    found = oracle.faces(x1, x2, weight, grad_output=np.ones((1, 1)))
    assert found["y"].value.tolist() == [[145.0]]
    assert found["x1"].value.tolist() == [[39.0, 53.0]]
    assert found["x2"].value.tolist() == [[19.0, 22.0]]
    assert found["weight"].value.tolist() == [[[3.0, 4.0], [6.0, 8.0]]]


def test_broadcast_axes_are_summed_and_terms_counted():
    rng = np.random.default_rng(0)
    x1, x2, weight, bias = (
        rng.normal(size=(2, 1, 3)),
        rng.normal(size=(4, 2)),
        rng.normal(size=(5, 3, 2)),
        rng.normal(size=5),
    )
    g = rng.normal(size=(2, 4, 5))
    found = oracle.faces(x1, x2, weight, bias, grad_output=g)
    np.testing.assert_allclose(found["y"].value, np.einsum("nui,kij,mj->nmk", x1, weight, x2) + bias, rtol=1e-13)
    np.testing.assert_allclose(found["x1"].value[:, 0], np.einsum("nmk,kij,mj->ni", g, weight, x2), rtol=1e-12)
    np.testing.assert_allclose(found["bias"].value, g.sum((0, 1)), rtol=1e-13)
    assert (found["y"].terms == 3 * 2 + 1).all()
    assert (found["x1"].terms == 4 * 5 * 2).all()


def test_the_bound_covers_the_oracle_and_little_more():
    rng = np.random.default_rng(1)
    x1, x2, weight = rng.normal(size=(1, 5)), rng.normal(size=(1, 7)), rng.normal(size=(1, 5, 7))
    found = oracle.faces(x1, x2, weight)["y"]
    exact = sum(Fraction(x1[0, i]) * Fraction(weight[0, i, j]) * Fraction(x2[0, j]) for i in range(5) for j in range(7))
    assert abs(Fraction(found.value[0, 0]) - exact) <= Fraction(found.bound("float64")[0, 0])
    assert found.bound("float64")[0, 0] < 1e-14 * found.magnitude[0, 0]
