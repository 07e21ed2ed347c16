"""Any leading axes at all: random broadcasting of x1, x2, weight, index and bias, on small integers, so to the bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nbbilinear as nbl

import cases
import oracle
from structures import structures


@pytest.mark.parametrize(
    "kernel",
    [
        pytest.param(name, marks=pytest.mark.thorough if str(name).startswith("numba/") else ())
        for name in (*cases.kernels(), None)
    ],
)
@given(some=structures(), seed=st.integers(0, 999))
def test_forward_and_backward_to_the_bit(kernel, some, seed):
    rng = np.random.default_rng(seed)
    ours = cases.operands(some, "float64", rng, lambda rng, shape: rng.integers(-3, 4, shape))
    g = rng.integers(-3, 4, cases.y_shape(some)).astype(float)
    try:
        nbl.plan(*list(ours.values())[:4], index=ours["index"], backend=kernel)
    except nbl.BackendError:
        return  # a kernel of one structure, and this is the other
    exact = oracle.whole(**ours, grad_output=g)
    np.testing.assert_array_equal(nbl.bilinear(**ours, backend=kernel), exact["y"])
    for name, gradient in nbl.bilinear_backward(g, **ours, backend=kernel)._asdict().items():
        if gradient is not None:
            np.testing.assert_array_equal(gradient, exact[name])
            assert gradient.shape == ours[name].shape
