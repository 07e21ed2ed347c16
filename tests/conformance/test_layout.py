"""Any layout, byte order, alignment and mutability goes in; inputs stay as they were; results are nobody else's."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nbbilinear as nbl

import cases
import oracle

KERNELS = cases.kernels()


def unaligned(a):
    raw = np.empty(a.nbytes + 1, np.uint8)[1:]
    out = raw.view(a.dtype).reshape(a.shape) if a.size else a
    out[...] = a
    return out


def read_only(a):
    return np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape)


def padded(a):
    if not a.ndim:
        return a
    wide = np.full(tuple(2 * n + 1 for n in a.shape), np.nan if a.dtype.kind == "f" else 99, a.dtype)
    view = wide[tuple(slice(1, 2 * n + 1, 2) for n in a.shape)]
    view[...] = a
    return view


LAYOUTS = {
    "fortran": np.asfortranarray,
    "reversed": lambda a: a[::-1].copy()[::-1],
    "reversed features": lambda a: a[..., ::-1].copy()[..., ::-1],
    "every other": padded,
    "read-only": read_only,
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "unaligned": unaligned,
    "nested lists": lambda a: a.tolist() if a.size else a,  # a list cannot tell (0, 3) from (0,)
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("case", ["rows", "pairs in batches", "pairs, interleaved", "index, one against all"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_same_bits_as_contiguous(kernel, case, layout):
    if not cases.takes(kernel, case):
        return
    rng = np.random.default_rng(1)
    some = cases.shapes(case)
    plain = cases.operands(some, "float64", rng)
    g = rng.normal(size=cases.y_shape(some))
    turned = {name: a if a is None or name == "index" else LAYOUTS[layout](a) for name, a in plain.items()}
    before = {name: np.array(a, copy=True) for name, a in turned.items() if a is not None}

    y = nbl.bilinear(**turned, backend=kernel)
    found = nbl.bilinear_backward(LAYOUTS[layout](g), **turned, backend=kernel)

    # another memory layout may send a BLAS down another path: equal to rounding, not always in bits
    close = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(y, nbl.bilinear(**plain, backend=kernel), **close)
    for one, other in zip(found, nbl.bilinear_backward(g, **plain, backend=kernel), strict=True):
        if one is not None:
            np.testing.assert_allclose(one, other, **close)
            assert one.dtype.isnative
    for name, a in before.items():
        np.testing.assert_array_equal(turned[name], a)


@pytest.mark.parametrize("kernel", KERNELS)
@given(
    case=st.sampled_from(cases.NAMES),
    sizes=st.tuples(*[st.sampled_from([0, 1, 2, 3, 5])] * 5),
    layouts=st.tuples(*[st.sampled_from(sorted(LAYOUTS))] * 5),
    dtypes=st.tuples(*[st.sampled_from(["f4", "f8", "i4"])] * 4),
)
@settings(max_examples=60, deadline=None)
def test_any_mixture_of_layouts_and_dtypes(kernel, case, sizes, layouts, dtypes):
    some, rng = cases.shapes(case, *sizes), np.random.default_rng(5)
    if not cases.takes(kernel, case, np.result_type(*(d for d, shape in zip(dtypes, some, strict=False) if shape))):
        return
    plain = cases.operands(some, "f8", rng, lambda rng, shape: rng.integers(-3, 4, shape))
    typed = {
        n: a if a is None or n == "index" else a.astype(d)
        for (n, a), d in zip(plain.items(), (*dtypes, ""), strict=True)
    }
    turned = {
        n: a if a is None or not a.ndim else LAYOUTS[one](a) for (n, a), one in zip(typed.items(), layouts, strict=True)
    }
    y = nbl.bilinear(**turned, backend=kernel)
    assert y.shape == cases.y_shape(some)
    np.testing.assert_array_equal(y, oracle.faces(**plain)["y"].value)  # small integers: exact in every dtype


@pytest.mark.parametrize("case", ["rows", "pairs", "pairs, interleaved", "index of pairs", "no out axis"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_outputs_of_any_strides(kernel, case):
    if not cases.takes(kernel, case):
        return
    rng = np.random.default_rng(2)
    some = cases.shapes(case)
    ours = cases.operands(some, "float64", rng)
    shape = cases.y_shape(some)
    want = nbl.bilinear(**ours, backend=kernel)
    for make in (np.asfortranarray, padded, lambda a: a[::-1].copy()[::-1]):
        out = make(np.full(shape, np.nan))
        assert nbl.bilinear(**ours, out=out, backend=kernel) is out
        np.testing.assert_allclose(out, want, rtol=1e-12)
    g = rng.normal(size=shape)
    grads = nbl.bilinear_backward(g, **ours, backend=kernel)
    out = nbl.BilinearGrads(*(None if a is None else padded(np.full(a.shape, np.nan)) for a in grads))
    nbl.bilinear_backward(g, **ours, out=out, backend=kernel)
    for one, other in zip(out, grads, strict=True):
        if one is not None:
            np.testing.assert_allclose(one, other, rtol=1e-12)


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
