"""NaN, infinities, subnormals and signs as IEEE arithmetic has them; nothing leaks to a neighbour."""

import numpy as np
import pytest

import nbbilinear as nbl

import cases

KERNELS = cases.kernels()
pytestmark = pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")


def operands(rng, b=5, i=4, j=6, k=3):
    return [rng.normal(size=shape) for shape in ((b, i), (b, j), (k, i, j))]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kernel", KERNELS)
def test_stays_in_its_row_and_its_output(kernel, value):
    clean = operands(np.random.default_rng(0))
    want = nbl.bilinear(*clean, backend=kernel)
    for place in ("x1", "x2"):
        x1, x2, weight = (a.copy() for a in clean)
        {"x1": x1, "x2": x2}[place][2, 1] = value
        y = nbl.bilinear(x1, x2, weight, backend=kernel)
        assert not np.isfinite(y[2]).any()
        np.testing.assert_array_equal(np.delete(y, 2, 0), np.delete(want, 2, 0))
    weight = clean[2].copy()
    weight[1, 2, 3] = value
    y = nbl.bilinear(*clean[:2], weight, backend=kernel)
    assert not np.isfinite(y[:, 1]).any()
    assert np.isfinite(y[:, [0, 2]]).all()


@pytest.mark.parametrize("kernel", KERNELS)
def test_zero_times_infinity_is_nan(kernel):
    x1, x2, weight = operands(np.random.default_rng(1))
    x1[0], weight[0, 0, 0] = 0, np.inf
    assert np.isnan(nbl.bilinear(x1, x2, weight, backend=kernel)[0, 0])
    g = np.zeros((5, 3))
    dw = nbl.bilinear_backward(
        g, x1 * [[np.inf], [1], [1], [1], [1]], x2, weight, wrt=["weight"], backend=kernel
    ).weight
    assert np.isnan(dw).any()


@pytest.mark.parametrize("kernel", KERNELS)
def test_agrees_where_all_orders_of_the_product_agree(kernel):
    rng = np.random.default_rng(2)
    for _ in range(40):
        a, c, w = operands(rng, b=2, i=2, j=2, k=1)
        for array in (a, c, w):
            array[rng.random(array.shape) < 0.3] = rng.choice([0.0, np.inf, -np.inf, np.nan])
        orders = [
            np.einsum("bi,kij->bkj", a, w)[:, 0] * c,
            np.einsum("kij,bj->bki", w, c)[:, 0] * a,
        ]
        first, second = (order.sum(-1) for order in orders)
        third = np.einsum("bij,ij->b", a[:, :, None] * c[:, None, :], w[0])
        y = nbl.bilinear(a, c, w, backend=kernel)[:, 0]
        kinds = [np.where(np.isfinite(v), 0, np.where(np.isnan(v), 2, np.sign(v))) for v in (first, second, third, y)]
        agree = (kinds[0] == kinds[1]) & (kinds[1] == kinds[2])
        np.testing.assert_array_equal(kinds[3][agree], kinds[0][agree])
        assert ((kinds[3] == kinds[0]) | (kinds[3] == kinds[1]) | (kinds[3] == kinds[2]))[~agree].all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_subnormals_are_kept(kernel, dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    ones = np.ones((3, 1), dtype)
    y = nbl.bilinear(ones, ones, np.full((1, 1, 1), 3 * tiny, dtype), backend=kernel)
    # compared as bits, since a processor that flushes subnormals would also call them zero
    np.testing.assert_array_equal(y.view(f"u{y.itemsize}"), 3)


@pytest.mark.parametrize("kernel", KERNELS)
def test_scaling_by_powers_of_two_and_signs_are_exact(kernel):
    x1, x2, weight = operands(np.random.default_rng(3))
    y = nbl.bilinear(x1, x2, weight, backend=kernel)
    np.testing.assert_array_equal(nbl.bilinear(x1 * 2.0**40, x2, weight * 2.0**-30, backend=kernel), y * 2.0**10)
    np.testing.assert_array_equal(nbl.bilinear(-x1, x2, weight, backend=kernel), -y)


@pytest.mark.parametrize("kernel", KERNELS)
def test_one_hot_rows_read_the_weight(kernel):
    weight = np.random.default_rng(4).normal(size=(3, 4, 6))
    for first in range(0, 24, 8):  # some kernels are for few rows
        i, j = np.divmod(np.arange(first, first + 8), 6)
        y = nbl.bilinear(np.eye(4)[i], np.eye(6)[j], weight, backend=kernel)
        np.testing.assert_array_equal(y, weight[:, i, j].T)
