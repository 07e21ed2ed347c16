"""The fused CUDA kernels in Numba's simulator. Run by `test_cuda.py`, in a process whose Numba simulates."""

import dataclasses
import functools

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear import BilinearGrads, backends
from nbbilinear.backends.cuda import choice, sets
from nbbilinear.backends.cuda.launch import Cuda
from nbbilinear.backends.cuda.segments import segments_of
from nbbilinear.config import PRECISIONS

import cases
import halves
import oracle
import simulator
from recorded import COMPUTED, load, operands_of

KERNEL = "simulator/fused"
# dtype and precision of every way to multiply on tensor cores
TENSOR = {
    "tf32": ("float32", "tf32"), "tf32x3": ("float32", "tf32x3"), "float16": ("float16", "float32"),
    "bfloat16": ("bfloat16", "float32"),
}  # fmt: skip
# rows, outs, in1, in2, weights: three tiles in every loop with a tail, or a size of one, or sizes that vectors divide
SIZES = {
    "tails": (19, 9, 9, 19, 2),
    "vectors": (18, 10, 12, 20, 3),
    "ones": (1, 1, 1, 1, 1),
    "thin": (33, 1, 5, 3, 2),
    "one row": (1, 3, 9, 17, 1),
}
# the same for the tiles of tensor cores, face by face, since a warp has 32 threads
TENSOR_SIZES = {
    "y": (19, 2, 17, 35, 2), "inputs": (19, 17, 2, 33, 2), "weight": (19, 1, 33, 17, 2), "vectors": (18, 8, 8, 24, 2),
    "ones": (1, 1, 1, 1, 1),
}  # fmt: skip
FACES = {"y": ("y",), "inputs": ("x1", "x2"), "weight": ("weight",)}
TENSOR_CASES = [
    *((way, sizes) for way in ("tf32x3", "bfloat16") for sizes in FACES),
    *((way, sizes) for way in TENSOR for sizes in ("vectors", "ones")),
]
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
    begun = BilinearGrads(*(np.full_like(ours[name], 3) for name in BilinearGrads._fields))
    added = 3 * (indexed == (dtype == "float32"))
    found = nbl.bilinear_backward(g, **ours, out=begun, accumulate=added > 0, backend=KERNEL)
    for name, gradient in found._asdict().items():
        np.testing.assert_array_equal(gradient, exact[name].value + added)


@pytest.mark.parametrize(("way", "sizes"), TENSOR_CASES)
def test_tensor_cores_to_the_bit(way, sizes):
    """Small integers have few bits: exact in any precision until they are stored."""
    dtype, precision = TENSOR[way]
    indexed = way == "tf32" if sizes == "vectors" else way == "tf32x3"
    ours, g = problem(TENSOR_SIZES[sizes], halves.dtype(dtype), indexed)
    wanted = FACES.get(sizes, ("y", *BilinearGrads._fields))
    exact = oracle.faces(**widely(ours), grad_output=halves.widely(g))
    with nbl.config(precision=precision):
        assert way in nbl.plan(**ours, backend=KERNEL).chosen.label
        if "y" in wanted:
            np.testing.assert_array_equal(nbl.bilinear(**ours, backend=KERNEL), exact["y"].value.astype(dtype))
        wrt = [name for name in wanted if name != "y"]
        begun = BilinearGrads(*(np.full_like(ours[name], 3) for name in BilinearGrads._fields))
        options = {"wrt": wrt, "accumulate": sizes in FACES, "out": begun, "backend": KERNEL}
        found = nbl.bilinear_backward(g, **ours, **options)
    for name in wrt:
        want = exact[name].value + 3 * options["accumulate"]
        np.testing.assert_array_equal(getattr(found, name), want.astype(dtype))


def widely(ours):
    return {name: a if a is None or name == "index" else halves.widely(a) for name, a in ours.items()}


@pytest.mark.parametrize(
    ("kernel", "sizes", "way"),
    [
        ("elements", (5, 3, 4, 70, 1), "float32"), ("elements", (1, 1, 1, 1, 1), "float64"),
        ("few", (3, 5, 7, 19, 1), "float32"), ("few", (9, 3, 12, 8, 1), "float64"), ("few", (1, 1, 1, 1, 1), "float32"),
        ("sides", (19, 2, 9, 19, 2), "float32"), ("sides", (18, 3, 12, 20, 2), "float64"),
        ("sides", (17, 1, 9, 17, 2), "tf32x3"), ("sides", (3, 2, 8, 24, 2), "bfloat16"),
        ("sides", (1, 1, 1, 1, 1), "tf32"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("accumulate", [False, True])
def test_small_problems_to_the_bit(kernel, sizes, way, accumulate):
    dtype, precision = TENSOR.get(way, (way, "float32"))
    ours, g = problem(sizes, halves.dtype(dtype), indexed=False)
    exact = oracle.faces(**widely(ours), grad_output=halves.widely(g))
    begun = BilinearGrads(*(np.full_like(ours[name], 3) for name in BilinearGrads._fields))
    name = f"simulator/{kernel}"
    with nbl.config(precision=precision):
        if kernel != "sides":  # which is for gradients
            turned = np.full((sizes[1], sizes[0]), np.nan, dtype).T
            np.testing.assert_array_equal(nbl.bilinear(**ours, out=turned, backend=name), exact["y"].value)
        g = np.asfortranarray(g)
        found = nbl.bilinear_backward(g, **ours, out=begun, accumulate=accumulate, backend=name)
        for wrt in ("x1", "x2"):
            alone = nbl.bilinear_backward(g, **ours, wrt=wrt, backend=name)
            np.testing.assert_array_equal(getattr(alone, wrt), exact[wrt].value.astype(getattr(alone, wrt).dtype))
    for wrt, gradient in found._asdict().items():
        np.testing.assert_array_equal(gradient, (exact[wrt].value + 3 * accumulate).astype(gradient.dtype))


def test_the_plan_takes_what_is_quickest_and_says_so():
    """By rule: tiny problems in one launch, few rows, few outputs, and else fused."""
    kernels = {kernel.name: kernel for kernel in sets.kernel_sets("x", Cuda(132, 90), functools.partial)}
    for sizes, backward, name in (
        ((32, 10, 20, 5), True, "x/elements"), ((4, 100, 100, 50), True, "x/few"),
        ((4, 1000, 1000, 50), False, "x/few"), ((65536, 256, 256, 1), True, "x/sides"),
        ((65536, 64, 64, 64), True, "x/fused"), ((65536, 64, 64, 64), False, "x/fused"),
    ):  # fmt: skip
        b, i, j, k = sizes
        planned = nbl.plan((b, i), (b, j), (k, i, j), (k,), backward=backward, backend="numpy").chosen.problem
        usual = [kernel for kernel in kernels.values() if "float32" in kernel.precisions]
        assert min(usual, key=lambda kernel: kernel.cost(planned)).name == name, sizes


@pytest.mark.parametrize("way", TENSOR)
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1, 1), (5, 3, 9, 7, 1)], ids=["single terms", "sums"])
def test_what_tensor_cores_round(way, sizes):
    """Two factors of 11 bits: 2^-10 of a term; split in three products: 3 times 2^-22; of half floats nothing."""
    dtype, precision = TENSOR[way]
    stored = halves.dtype(dtype)
    for seed in range(20 if sizes[0] == 1 else 1):
        ours, _ = problem(sizes, stored, indexed=False)
        rng = np.random.default_rng(seed)
        ours = {n: None if n == "index" else rng.normal(size=a.shape).astype(stored) for n, a in ours.items()}
        g = rng.normal(size=(sizes[0], sizes[1])).astype(stored)
        exact = oracle.faces(**widely(ours), grad_output=halves.widely(g))
        with nbl.config(precision=precision):
            y = nbl.bilinear(**ours, backend=KERNEL)
            found = {"y": y, **nbl.bilinear_backward(g, **ours, backend=KERNEL)._asdict()}
        for name, result in found.items():
            bound = halves.bound(exact[name], stored) if stored.itemsize == 2 else exact[name].bound(np.float32)
            bound += {"tf32": 2.1 * 2**-11, "tf32x3": 3 * 2**-22}.get(way, 0) * exact[name].magnitude
            assert (abs(halves.widely(result) - exact[name].value) <= bound).all(), name


def test_half_floats_whose_sums_are_kept_block_by_block(monkeypatch):
    monkeypatch.setattr(choice, "SLICE_BYTES", 4 * 3 * 32)
    ours, g = problem((70, 2, 3, 33, 1), halves.dtype("bfloat16"), indexed=False)
    assert nbl.plan(**ours, backward=True, backend=KERNEL).workspace_bytes < 4 * 70 * 3
    exact = oracle.faces(**widely(ours), grad_output=halves.widely(g))
    found = nbl.bilinear_backward(g.astype("f4"), **ours, backend=KERNEL)
    for name, gradient in found._asdict().items():
        np.testing.assert_array_equal(gradient, exact[name].value.astype(gradient.dtype))


def test_half_floats_with_a_bias_of_y_are_converted_block_by_block():
    ours, _ = problem((5, 2, 3, 4, 1), halves.dtype("bfloat16"), indexed=False)
    ours["bias"] = np.ones((5, 2), ours["x1"].dtype)
    assert "converted to float32 block by block" in str(nbl.plan(**ours, backend=KERNEL))
    exact = oracle.faces(**widely(ours))["y"].value
    np.testing.assert_array_equal(nbl.bilinear(**ours, backend=KERNEL), exact.astype(ours["x1"].dtype))


def test_a_precision_is_only_used_where_it_is_asked_for():
    ours, _ = problem(SIZES["thin"], "float32", indexed=False)
    assert nbl.plan(**ours, backend="simulator").chosen.label == KERNEL
    with pytest.raises(nbl.BackendError, match=r"'float32'.*'simulator/fused.tf32' computes float32 in 'tf32':"):
        nbl.plan(**ours, backend="simulator/fused.tf32")
    assert {one for kernel in simulator.BACKEND.kernels for one in kernel.precisions} == set(PRECISIONS)


def test_before_tensor_cores_there_is_float32_alone():
    older = dataclasses.replace(simulator.DEVICE, capability=75)
    for kernel in sets.kernel_sets("older", older, functools.partial):
        assert (kernel.precisions, kernel.stored) == (("float32",), ())


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
