"""Small integers as floats: every order of summation is exact, so bits must match, at every size and tail."""

import numpy as np
import pytest

import nbbilinear as nbl

import cases
import oracle

TAILS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33]


FLOATS = [(*pair, dtype) for pair in cases.taken() for dtype in ("float32", "float64")]
INTEGERS = [
    (kernel, case, dtype)
    for kernel, case in cases.taken()
    for dtype in ("int32", "int64")
    if case in ("rows", "pairs", "index, out axis") and cases.takes(kernel, case, dtype)
]


@pytest.mark.parametrize(("kernel", "case", "dtype"), FLOATS + INTEGERS)
def test_forward_bits(kernel, case, dtype):
    rng = np.random.default_rng(3)
    for in2 in TAILS:
        some = cases.shapes(case, *rng.permutation([1, 2, 5]), int(rng.choice(TAILS)), in2)
        ours = cases.operands(some, dtype, rng, cases.small_integers)
        y = nbl.bilinear(**ours, backend=kernel)
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, cases.definition(**ours))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kernel", "case"), cases.taken())
def test_gradients_are_the_adjoint_bit_for_bit(kernel, case, dtype):
    """y is affine in each operand, so <g, y(x1 + v) - y(x1)> = <dx1, v>, exactly on integers."""
    rng = np.random.default_rng(4)
    for in2 in TAILS:
        some = cases.shapes(case, *rng.permutation([1, 2, 5]), int(rng.choice(TAILS)), in2)
        ours = cases.operands(some, dtype, rng, cases.small_integers)
        g = cases.small_integers(rng, cases.y_shape(some)).astype(dtype)
        found = nbl.bilinear_backward(g, **ours, backend=kernel)
        for name, gradient in found._asdict().items():
            if gradient is not None:
                v = cases.small_integers(rng, ours[name].shape).astype(dtype)
                moved = cases.definition(**(ours | {name: ours[name] + v})) - cases.definition(**ours)
                assert (g * moved).sum() == (gradient * v).sum(), name


@pytest.mark.parametrize("kernel", [kernel for kernel in cases.kernels() if cases.takes(kernel, "rows", "int64")])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "uint64"])
def test_integers_wrap(kernel, dtype):
    x1, x2, weight = (np.array(v).astype(dtype) for v in ([[100, 3]], [[2, 1]], [[[1, 7], [90, 2]]]))
    with np.errstate(over="ignore"):
        y = nbl.bilinear(x1, x2, weight, backend=kernel)
    exact = 100 * 1 * 2 + 100 * 7 * 1 + 3 * 90 * 2 + 3 * 2 * 1
    assert y.dtype == dtype
    assert y.item() == np.array(exact, np.int64).astype(dtype)


@pytest.mark.parametrize("case", cases.NAMES)
def test_sizes_zero(case):
    """Each size in turn zero: an empty sum is the bias, its gradients are zeros of full shape."""
    rng = np.random.default_rng(5)
    for zero in range(5):
        sizes = [2, 3, 2, 3, 2]
        sizes[zero] = 0
        some = cases.shapes(case, *sizes)
        ours = cases.operands(some, "float64", rng, cases.small_integers)
        g = cases.small_integers(rng, cases.y_shape(some))
        np.testing.assert_array_equal(nbl.bilinear(**ours), cases.definition(**ours))
        exact = oracle.faces(**ours, grad_output=g)
        for name, gradient in nbl.bilinear_backward(g, **ours)._asdict().items():
            if gradient is not None:
                assert gradient.shape == ours[name].shape
                np.testing.assert_array_equal(gradient, exact[name].value)
