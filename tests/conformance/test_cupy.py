"""The product on arrays of CuPy: on a stand-in that tells of NumPy used in silence, and on a device if there is one."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import nbbilinear as nbl
from nbbilinear import backends

import cases
import device
import halves
import oracle
from recorded import COMPUTED, HALVES, load, operands_of
from structures import structures

KERNELS = ["cupy/einsum", "cupy/gemm.project", "cupy/gemm.left", "cupy/gemm.outer", None]
kernels = pytest.mark.parametrize("kernel", KERNELS)


@pytest.fixture(autouse=True, scope="module", params=device.PLACES)
def cupy(request):
    with device.installed(request.param) as found:
        yield found


def lifted(cupy, operands):
    return {name: None if a is None else cupy.asarray(a) for name, a in operands.items()}


def call(cupy, kernel, ours, g=None, **options):
    """y, or gradients, brought back; None where the kernel is for another structure."""
    try:
        nbl.plan(**lifted(cupy, ours), backward=g is not None, backend=kernel)
    except nbl.BackendError:
        return None
    if g is None:
        found = nbl.bilinear(**lifted(cupy, ours), backend=kernel, **options)
        assert type(found) is cupy.ndarray
        return found.get()
    found = nbl.bilinear_backward(cupy.asarray(g), **lifted(cupy, ours), backend=kernel, **options)
    assert all(a is None or type(a) is cupy.ndarray for a in found)
    return nbl.BilinearGrads(*(None if a is None else a.get() for a in found))


def assert_faces(cupy, kernel, ours, g, same=np.testing.assert_array_equal):
    y = call(cupy, kernel, ours)
    if y is None:
        return
    exact = oracle.whole(**ours, grad_output=g)
    same(y, exact["y"])
    for name, gradient in call(cupy, kernel, ours, g)._asdict().items():
        if gradient is not None:
            assert gradient.shape == ours[name].shape
            assert gradient.dtype == ours[name].dtype
            same(gradient, exact[name])


def test_these_are_all_kernels():
    names = {kernel.name for kernel in backends.backend("cupy").kernels}
    assert names == set(KERNELS) - {None}


@kernels
@pytest.mark.parametrize("case", cases.NAMES)
def test_every_case_to_the_bit(cupy, kernel, case):
    rng = np.random.default_rng(0)
    for dtype, sizes in (("float32", (3, 4, 2, 5, 3)), ("float64", (2, 5, 9, 1, 17))):
        ours = cases.operands(cases.shapes(case, *sizes), dtype, rng, cases.small_integers)
        g = cases.small_integers(rng, cases.y_shape(cases.shapes(case, *sizes))).astype(dtype)
        assert_faces(cupy, kernel, ours, g)


@pytest.mark.parametrize("case", cases.NAMES)
def test_sizes_zero(cupy, case):
    rng = np.random.default_rng(5)
    for zero in range(5):
        sizes = [2, 3, 2, 3, 2]
        sizes[zero] = 0
        ours = cases.operands(cases.shapes(case, *sizes), "float64", rng, cases.small_integers)
        assert_faces(cupy, None, ours, cases.small_integers(rng, cases.y_shape(cases.shapes(case, *sizes))))


@kernels
@given(some=structures())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_structure_to_the_bit(cupy, kernel, some):
    rng = np.random.default_rng(6)
    ours = cases.operands(some, "float64", rng, cases.small_integers)
    assert_faces(cupy, kernel, ours, cases.small_integers(rng, cases.y_shape(some)))


@pytest.mark.thorough
@kernels
@pytest.mark.parametrize("path", COMPUTED + HALVES, ids=lambda path: path.stem)
def test_golden(cupy, kernel, path):
    values = load(path)
    ours, dtype = operands_of(values), str(values["dtype"])
    with np.errstate(all="ignore"):
        y = call(cupy, kernel, ours)
        if y is None:
            return
        assert y.dtype == dtype
        if dtype.startswith("int"):
            np.testing.assert_array_equal(y, values["out"].astype(dtype))
            return
        found = call(cupy, kernel, ours, values["grad_out"].astype(dtype))
    if str(values["category"]) == "nan-inf" or dtype in halves.NAMES:
        for name, result in {"out": y, "grad_x1": found.x1, "grad_weight": found.weight}.items():
            np.testing.assert_array_equal(np.isfinite(result.astype(float)), np.isfinite(values[name]))
        return
    exact = oracle.faces(**ours, grad_output=values["grad_out"].astype(dtype))
    for name, result in {"y": y, **{n: a for n, a in found._asdict().items() if a is not None}}.items():
        assert (abs(result - exact[name].value) <= exact[name].bound(dtype)).all(), name


@kernels
@pytest.mark.parametrize("dtype", halves.NAMES)
def test_half_floats(cupy, kernel, dtype):
    rng = np.random.default_rng(7)
    for case in ("rows", "pairs in batches", "index, out axis", "stacked weight of both", "bias of y"):
        ours = cases.operands(cases.shapes(case), "float32", rng, cases.small_integers)
        ours = {n: a if a is None or n == "index" else a.astype(halves.dtype(dtype)) for n, a in ours.items()}
        y = call(cupy, kernel, ours)
        if y is not None:
            wide = {n: a if a is None or n == "index" else a.astype(float) for n, a in ours.items()}
            assert y.dtype == halves.dtype(dtype)
            np.testing.assert_array_equal(
                y.astype(float), oracle.faces(**wide)["y"].value.astype(y.dtype).astype(float)
            )


@kernels
@pytest.mark.parametrize("case", ["rows", "pairs, interleaved", "index of pairs", "no out axis"])
def test_strides_in_and_out(cupy, kernel, case):
    rng = np.random.default_rng(2)
    ours = cases.operands(cases.shapes(case), "float64", rng, cases.small_integers)
    g = cases.small_integers(rng, cases.y_shape(cases.shapes(case)))
    y = call(cupy, kernel, ours)
    if y is None:
        return

    def strided(a):
        wide = cupy.asarray(np.zeros(tuple(2 * n + 1 for n in a.shape), a.dtype))
        view = wide[tuple(slice(1, 2 * n + 1, 2) for n in a.shape)]
        view[...] = cupy.asarray(a)
        return view

    given_ = {n: None if a is None else strided(a) for n, a in ours.items()}
    out = strided(np.full(y.shape, np.nan))
    assert nbl.bilinear(**given_, out=out, backend=kernel) is out
    np.testing.assert_array_equal(out.get(), y)
    want = call(cupy, kernel, ours, g)
    filled = nbl.BilinearGrads(*(None if a is None else strided(np.ones_like(a)) for a in want))
    nbl.bilinear_backward(strided(g), **given_, out=filled, accumulate=True, backend=kernel)
    for one, other in zip(filled, want, strict=True):
        if one is not None:
            np.testing.assert_array_equal(one.get(), other + 1)


def test_relatives(cupy):
    rng = np.random.default_rng(3)
    x1, x2, w = (cases.small_integers(rng, shape) for shape in ((2, 5, 3), (2, 4, 3), (6, 3, 3)))
    lift = cupy.asarray
    for name, operands, shape in (
        ("bilinear_pairs", (x1, x2, w), (2, 5, 4, 6)), ("quadratic", (x1, w), (2, 5, 6)),
    ):  # fmt: skip
        verb, back = getattr(nbl, name), getattr(nbl, f"{name}_backward")
        y = verb(*map(lift, operands))
        assert type(y) is cupy.ndarray
        np.testing.assert_array_equal(y.get(), verb(*operands))
        g = cases.small_integers(rng, shape)
        for got, want in zip(back(lift(g), *map(lift, operands)), back(g, *operands), strict=True):
            assert (got is None) == (want is None)
            assert got is None or (got.get() == want).all()


def test_a_plan_runs_in_memory_that_is_given(cupy):
    rng = np.random.default_rng(4)
    operands = [cupy.asarray(cases.small_integers(rng, shape)) for shape in ((9, 5), (9, 4), (3, 5, 4), (3,))]
    plan = nbl.plan(*operands)
    out, room = cupy.empty((9, 3), np.float64), cupy.empty(plan.workspace_bytes // 8, np.float64)
    assert plan.run(*operands, out=out, workspace=room) is out
    np.testing.assert_array_equal(out.get(), cases.definition(*(a.get() for a in operands), None))
    assert nbl.plan((9, 5), (9, 4), (3, 5, 4), backend="cupy").chosen.kernel.name.startswith("cupy/")
    with pytest.raises(nbl.BackendError, match="computes on arrays of cupy, the operands are numpy's"):
        plan.run(*(a.get() for a in operands))


@pytest.mark.parametrize("device_", ["cuda", "cuda:0"])
def test_a_layer_moves_and_trains_as_it_does_on_the_cpu(cupy, device_):
    rng = np.random.default_rng(8)
    x1, x2, g = (rng.normal(size=shape).astype("f4") for shape in ((7, 3), (7, 4), (7, 5)))
    there, here = nbl.Bilinear(3, 4, 5, device=device_, rng=0), nbl.Bilinear(3, 4, 5, rng=0)
    for layer in (there, here):
        lift = cupy.asarray if layer is there else np.asarray
        optimizer = nbl.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
        for _ in range(3):
            optimizer.zero_grad()
            layer(lift(x1), lift(x2))
            layer.backward(lift(g))
            optimizer.step()
    assert type(there.weight.data) is cupy.ndarray
    there.to("cpu")
    for one, other in zip(there.parameters(), here.parameters(), strict=True):
        assert type(one.data) is type(one.grad) is np.ndarray
        np.testing.assert_allclose(one.data, other.data, rtol=2e-5, atol=1e-6)
    with pytest.raises(nbl.BackendError, match="different libraries"):
        there.to("cuda")(x1, x2)


def refusals(cupy):
    x1, x2, w = np.ones((7, 3)), np.ones((7, 4)), np.ones((5, 3, 4))
    lift = cupy.asarray
    return {
        "different libraries (cupy, numpy)": lambda: nbl.bilinear(lift(x1), x2, lift(w)),
        "x2 on cpu": lambda: nbl.bilinear(lift(x1), x2.tolist(), lift(w)),
        "index on cpu": lambda: nbl.bilinear(lift(x1), lift(x2), lift(w), index=[0] * 7),
        "backend 'cupy' computes on arrays of cupy, the operands are numpy's: move them with cupy.asarray": lambda: (
            nbl.bilinear(x1, x2, w, backend="cupy")
        ),
        "backend 'numba' computes on arrays of numpy, the operands are cupy's": lambda: nbl.bilinear(
            lift(x1), lift(x2), lift(w), backend="numba"
        ),
        "different libraries": lambda: nbl.bilinear(lift(x1), lift(x2), lift(w), out=np.ones((7, 5))),
        "cupy, numpy": lambda: nbl.bilinear_backward(np.ones((7, 5)), lift(x1), lift(x2), lift(w)),
    }  # fmt: skip


@pytest.mark.parametrize("message", refusals(device.module()))
def test_refused(cupy, message):
    with pytest.raises(nbl.BackendError) as caught:
        refusals(cupy)[message]()
    assert message in str(caught.value)


def test_out_that_shares_memory_is_refused(cupy):
    x = cupy.asarray(np.ones((3, 3)))
    with pytest.raises(nbl.ShapeError, match="out shares memory with x1"):
        nbl.bilinear(x, x, cupy.asarray(np.ones((3, 3, 3))), out=x)
    with pytest.raises(nbl.IndexRangeError, match="reaches from 0 to 9"):
        nbl.bilinear(x, x, cupy.asarray(np.ones((4, 3, 3))), index=cupy.asarray(np.array([0, 9, 1])))
