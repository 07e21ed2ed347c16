"""Integers: every order of summation is exact, sums wrap as NumPy's do, and empty sums are the bias."""

import numpy as np
import pytest

import nbbilinear as nbl

import cases
import oracle

INTEGERS = [
    (kernel, case)
    for kernel, case in cases.taken()
    if case in ("rows", "pairs", "index, out axis") and cases.takes(kernel, case, "int64")
]


@pytest.mark.parametrize(("kernel", "case"), INTEGERS)
def test_forward_bits(kernel, case):
    for dtype, sizes in (("int64", (1, 2, 5, 7, 17)), ("int64", (5, 1, 2, 33, 8))):
        ours = cases.operands(cases.shapes(case, *sizes), dtype, np.random.default_rng(3), cases.small_integers)
        y = nbl.bilinear(**ours, backend=kernel)
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, cases.definition(**ours))


@pytest.mark.parametrize("kernel", [kernel for kernel in cases.kernels() if cases.takes(kernel, "rows", "int64")])
@pytest.mark.parametrize(
    "dtype", ["int8", "uint64", *(pytest.param(name, marks=pytest.mark.thorough) for name in ("uint8", "int32"))]
)
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
        exact = oracle.whole(**ours, grad_output=g)
        np.testing.assert_array_equal(nbl.bilinear(**ours), exact["y"])
        for name, gradient in nbl.bilinear_backward(g, **ours)._asdict().items():
            if gradient is not None:
                assert gradient.shape == ours[name].shape
                np.testing.assert_array_equal(gradient, exact[name])
