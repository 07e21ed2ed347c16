"""Relations that hold whatever the numbers: additivity, exchange, permutation, splitting, finite differences."""

import numpy as np
import pytest

import nbbilinear as nbl

import cases

KERNELS = cases.kernels()


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in ((6, 5), (6, 4), (3, 5, 4))], rng


@pytest.mark.parametrize("kernel", KERNELS)
def test_additive_in_each_operand(kernel, problem):
    operands, rng = problem
    y = nbl.bilinear(*operands, backend=kernel)
    for place in range(3):
        other = list(operands)
        other[place] = rng.normal(size=operands[place].shape)
        both = list(operands)
        both[place] = operands[place] + other[place]
        total = nbl.bilinear(*both, backend=kernel)
        np.testing.assert_allclose(total, y + nbl.bilinear(*other, backend=kernel), atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_exchanging_the_operands_transposes_the_weight(kernel, problem):
    (x1, x2, weight), _ = problem
    exchanged = nbl.bilinear(x2, x1, weight.swapaxes(1, 2), backend=kernel)
    np.testing.assert_allclose(nbl.bilinear(x1, x2, weight, backend=kernel), exchanged, atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_permuting_rows_features_and_outputs(kernel, problem):
    (x1, x2, weight), rng = problem
    y = nbl.bilinear(x1, x2, weight, backend=kernel)
    b, i, j, k = (rng.permutation(n) for n in (6, 5, 4, 3))
    permuted = nbl.bilinear(x1[b][:, i], x2[b][:, j], weight[k][:, i][:, :, j], backend=kernel)
    np.testing.assert_allclose(permuted, y[b][:, k], atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_splitting_features_adds_up(kernel, problem):
    (x1, x2, weight), _ = problem
    parts = nbl.bilinear(x1[:, :2], x2, weight[:, :2], backend=kernel) + nbl.bilinear(
        x1[:, 2:], x2, weight[:, 2:], backend=kernel
    )
    np.testing.assert_allclose(parts, nbl.bilinear(x1, x2, weight, backend=kernel), atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_leading_axes_merge(kernel, problem):
    (x1, x2, weight), _ = problem
    y = nbl.bilinear(x1.reshape(2, 3, 5), x2.reshape(2, 3, 4), weight, backend=kernel)
    np.testing.assert_allclose(y.reshape(6, 3), nbl.bilinear(x1, x2, weight, backend=kernel), atol=1e-12)


def test_quadratic_gradient_of_a_symmetric_weight():
    rng = np.random.default_rng(9)
    x, weight = rng.normal(size=(4, 3)), rng.normal(size=(2, 3, 3))
    weight += weight.swapaxes(1, 2)
    g = rng.normal(size=(4, 2))
    np.testing.assert_allclose(
        nbl.quadratic_backward(g, x, weight).x, 2 * np.einsum("bk,kij,bj->bi", g, weight, x), atol=1e-12
    )
    assert nbl.quadratic_backward(g, x, weight, wrt=["weight"]).x is None
