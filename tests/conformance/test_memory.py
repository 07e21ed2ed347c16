"""Nothing of size rows * in1 * in2 or rows * out * in2 is ever held."""

import numpy as np
import pytest

import nbbilinear as nbl

import cases
import memory

KERNELS = [name for name in cases.kernels() if "einsum" not in name]
WORKSPACE = 4 << 20


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("rows", "in1", "in2", "out"), [(30_000, 20, 20, 3), (3_000, 16, 16, 48)])
def test_paired_rows(kernel, rows, in1, in2, out, jitted):
    x1, x2, weight, g = (np.ones(shape) for shape in ((rows, in1), (rows, in2), (out, in1, in2), (rows, out)))
    held, y = memory.peak(lambda: nbl.bilinear(x1, x2, weight, backend=kernel))
    assert held <= y.nbytes + 2 * WORKSPACE
    held, grads = memory.peak(lambda: nbl.bilinear_backward(g, x1, x2, weight, backend=kernel))
    assert held <= sum(a.nbytes for a in grads[:3]) + 2 * WORKSPACE


@pytest.mark.parametrize("kernel", [name for name in KERNELS if cases.takes(name, "pairs")])
def test_pairs(kernel, jitted):
    x1, x2, weight = np.ones((400, 1, 24)), np.ones((1, 3000, 24)), np.ones((16, 24, 24))
    held, y = memory.peak(lambda: nbl.bilinear(x1, x2, weight, backend=kernel))
    assert held <= y.nbytes + 2 * WORKSPACE
    held, grads = memory.peak(lambda: nbl.bilinear_backward(y, x1, x2, weight, np.ones(16), backend=kernel))
    assert held <= sum(a.nbytes for a in grads) + 3 * WORKSPACE


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_bias_gradient_of_one_row_against_many(kernel, jitted):
    if not cases.takes(kernel, "pairs"):
        return
    x1, x2, weight, g = np.ones((1, 1, 4)), np.ones((200_000, 4)), np.ones((32, 4, 4)), np.ones((1, 200_000, 32))
    held, grads = memory.peak(
        lambda: nbl.bilinear_backward(g, x1, x2, weight, np.ones(32), wrt=["bias"], backend=kernel)
    )
    assert held <= grads.bias.nbytes + 3 * WORKSPACE


@pytest.fixture
def jitted():
    import numba

    if numba.config.DISABLE_JIT:
        pytest.skip("minutes of plain Python loops")
