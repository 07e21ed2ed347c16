"""Any layout, byte order, alignment and mutability goes in; inputs stay as they were; results are nobody else's."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nbbilinear as nbl

import cases
import oracle
from layouts import LAYOUTS, laid

KERNELS = cases.kernels()


@pytest.mark.parametrize("kernel", KERNELS)
@given(
    case=st.sampled_from(cases.NAMES),
    sizes=st.tuples(*[st.sampled_from([0, 1, 2, 3, 5])] * 5),
    layouts=st.tuples(*[st.sampled_from(sorted(LAYOUTS))] * 5),
    dtypes=st.tuples(*[st.sampled_from(["f4", "f8", "i4"])] * 4),
)
def test_any_mixture_of_layouts_and_dtypes(kernel, case, sizes, layouts, dtypes):
    some, rng = cases.shapes(case, *sizes), np.random.default_rng(5)
    if not cases.takes(kernel, case, np.result_type(*(d for d, shape in zip(dtypes, some, strict=False) if shape))):
        return
    plain = cases.operands(some, "f8", rng, lambda rng, shape: rng.integers(-3, 4, shape))
    typed = {
        n: a if a is None or n == "index" else a.astype(d)
        for (n, a), d in zip(plain.items(), (*dtypes, ""), strict=True)
    }
    turned = {n: laid(a, one) for (n, a), one in zip(typed.items(), layouts, strict=True)}
    y = nbl.bilinear(**turned, backend=kernel)
    assert y.shape == cases.y_shape(some)
    exact = oracle.whole(**plain, grad_output=np.zeros(y.shape))
    np.testing.assert_array_equal(y, exact["y"])  # small integers: exact in every dtype


def test_stride_zero_rows_cost_one():
    x1, x2 = np.broadcast_to(np.arange(3.0), (1000, 3)), np.broadcast_to(np.arange(4.0), (1000, 4))
    weight = np.arange(24.0).reshape(2, 3, 4)
    y = nbl.bilinear(x1, x2, weight, np.array([1.0, 2.0]))
    assert y.shape == (1000, 2)
    assert y.flags.writeable
    np.testing.assert_array_equal(
        y, np.broadcast_to(nbl.bilinear(x1[0], x2[0], weight, np.array([1.0, 2.0])), (1000, 2))
    )
    gradient = nbl.bilinear_backward(np.ones((1000, 2)), x1, x2, weight)
    assert gradient.x1.shape == (1000, 3)


def test_mixed_dtypes_promote_and_gradients_have_their_operands():
    rng = np.random.default_rng(3)
    x1, x2, weight = (
        rng.normal(size=(3, 2)).astype("f4"),
        rng.normal(size=(3, 4)),
        rng.normal(size=(5, 2, 4)).astype("f4"),
    )
    assert nbl.bilinear(x1, x2, weight).dtype == np.float64
    assert nbl.bilinear(x1, np.ones((3, 4), np.int32), weight).dtype == np.float64  # as NumPy promotes
    found = nbl.bilinear_backward(np.ones((3, 5), "f4"), x1, x2, weight)
    assert [a.dtype.str[1:] for a in found[:3]] == ["f4", "f8", "f4"]


def test_one_array_as_both_inputs():
    x, weight = np.arange(6.0).reshape(2, 3), np.arange(18.0).reshape(2, 3, 3)
    g = np.ones((2, 2))
    found = nbl.bilinear_backward(g, x, x, weight)
    np.testing.assert_array_equal(found.x1 + found.x2, nbl.quadratic_backward(g, x, weight).x)


def test_results_do_not_share_memory():
    x, weight = np.ones((2, 3)), np.ones((2, 3, 3))
    first = nbl.bilinear(x, x, weight)
    first[...] = np.nan
    assert np.isfinite(nbl.bilinear(x, x, weight)).all()
    found = nbl.bilinear_backward(np.ones((2, 2)), x, x, weight)
    assert not np.shares_memory(found.x1, found.x2)


ORDERS = [
    "native,swapped,unaligned",
    "unaligned,swapped,native",
    "swapped,native",
    "readonly,swapped",
    "unaligned,native",
]


@pytest.mark.thorough
@pytest.mark.parametrize("order", ORDERS)
def test_order_of_first_use_does_not_matter(order):
    """Numba's table of array types mixes up byte orders once it has seen an unaligned array; it must see none."""
    code = """
import sys, numpy as np, nbbilinear as nbl
make = {
    "native": lambda a: a, "swapped": lambda a: a.astype(">f8"),
    "readonly": lambda a: np.frombuffer(a.tobytes()).reshape(a.shape),
    "unaligned": lambda a: np.frombuffer(b"x" + a.tobytes(), np.uint8)[1:].view("f8").reshape(a.shape),
}
x, weight = np.arange(6.0).reshape(2, 3), np.arange(18.0).reshape(2, 3, 3)
for kind in sys.argv[1].split(","):
    y = nbl.bilinear(make[kind](x), make[kind](x), make[kind](weight), backend="numba")
    assert (y == np.einsum("bi,kij,bj->bk", x, weight, x)).all(), kind
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code, order], check=True, timeout=120)
