"""The fused CUDA kernels in Numba's simulator. Run by `test_cuda.py`, in a process whose Numba simulates."""

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear import backends
from nbbilinear.backends.cuda.segments import segments_of

import cases
import oracle
from recorded import COMPUTED, load, operands_of

KERNEL = "simulator/fused"
# rows, outs, in1, in2, weights: three tiles in every loop with a tail, or a size of one, or sizes that vectors divide
SIZES = {
    "tails": (19, 9, 9, 19, 2),
    "vectors": (18, 10, 12, 20, 3),
    "ones": (1, 1, 1, 1, 1),
    "thin": (33, 1, 5, 3, 2),
    "one row": (1, 3, 9, 17, 1),
}
sizes = pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


@pytest.fixture(autouse=True, scope="module")
def registered():
    backends._TABLE["simulator"] = backends.Entry("simulator", "numpy")
    yield
    del backends._TABLE["simulator"]


def problem(sizes, dtype, indexed, seed=0):
    rows, outs, in1, in2, weights = sizes
    rng = np.random.default_rng(seed)
    stack = (weights,) if indexed else ()
    shapes = cases.Shapes((rows, in1), (rows, in2), (*stack, outs, in1, in2), (*stack, outs), None)
    ours = cases.operands(shapes, dtype, rng, cases.small_integers)
    if indexed:
        ours["index"] = rng.integers(0, weights, rows)
    return ours, cases.small_integers(rng, (rows, outs)).astype(dtype)


@sizes
@dtypes
@pytest.mark.parametrize("indexed", [False, True], ids=["rows", "indexed"])
def test_to_the_bit(sizes, dtype, indexed):
    ours, g = problem(sizes, dtype, indexed)
    exact = oracle.faces(**ours, grad_output=g)
    np.testing.assert_array_equal(nbl.bilinear(**ours, backend=KERNEL), exact["y"].value)
    found = nbl.bilinear_backward(g, **ours, backend=KERNEL)
    for name, gradient in found._asdict().items():
        np.testing.assert_array_equal(gradient, exact[name].value)
    again = nbl.BilinearGrads(*(a.copy() for a in found))
    nbl.bilinear_backward(g, **ours, out=again, accumulate=True, backend=KERNEL)
    for one, other in zip(again, found, strict=True):
        np.testing.assert_array_equal(one, 2 * other)


@pytest.mark.parametrize("name", ["x1", "x2", "weight", "bias"])
def test_each_gradient_alone(name):
    ours, g = problem(SIZES["tails"], "float64", indexed=False)
    found = nbl.bilinear_backward(g, **ours, wrt=name, backend=KERNEL)
    np.testing.assert_array_equal(getattr(found, name), oracle.faces(**ours, grad_output=g)[name].value)


def test_strided_y_and_gradient_of_y():
    ours, g = problem(SIZES["thin"], "float32", indexed=False)
    out = np.full((2, g.shape[1], g.shape[0]), np.nan, "f4")[1].T
    assert nbl.bilinear(**ours, out=out, backend=KERNEL) is out
    np.testing.assert_array_equal(out, oracle.faces(**ours)["y"].value)
    turned = nbl.bilinear_backward(np.asfortranarray(g), **ours, backend=KERNEL)
    for one, other in zip(turned, nbl.bilinear_backward(g, **ours, backend=KERNEL), strict=True):
        np.testing.assert_array_equal(one, other)


def kernel_takes(path):
    try:
        nbl.plan(*operands_of(load(path)).values(), backend="simulator")
    except nbl.BackendError:
        return False
    return True


@pytest.mark.filterwarnings("ignore:.*(invalid value|overflow)")
@pytest.mark.parametrize(
    "path", [p for p in COMPUTED if str(load(p)["dtype"]).startswith("float")], ids=lambda p: p.stem
)
def test_golden(path):
    values = load(path)
    ours, dtype = operands_of(values), str(values["dtype"])
    if not kernel_takes(path):
        return  # pairs, which are matrix products
    y = nbl.bilinear(**ours, backend=KERNEL)
    found = nbl.bilinear_backward(values["grad_out"].astype(dtype), **ours, backend=KERNEL)
    if str(values["category"]) == "nan-inf":
        for name, result in {"out": y, "grad_x1": found.x1, "grad_weight": found.weight}.items():
            np.testing.assert_array_equal(np.isfinite(result), np.isfinite(values[name]))
        return
    exact = oracle.faces(**ours, grad_output=values["grad_out"].astype(dtype))
    for name, result in {"y": y, **{n: a for n, a in found._asdict().items() if a is not None}}.items():
        assert (abs(result - exact[name].value) <= exact[name].bound(dtype)).all(), name


@pytest.mark.parametrize("seed", range(20))
def test_segments_hold_every_row_once_and_none_of_two_weights(seed):
    rng = np.random.default_rng(seed)
    weights, count, rows = rng.integers(1, 9), rng.integers(1, 60), rng.integers(1, 9)
    which = rng.integers(0, weights, count)
    found = segments_of(np, which, weights)
    seen = []
    for w, first, stop in found.table(rows).T:
        tile = found.order[first : min(stop, first + rows)]
        assert (which[tile] == w).all()
        seen += tile.tolist()
    assert sorted(seen) == list(range(count))
