"""Every kernel, on every way the leading axes can meet, against the definition summed exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nbbilinear as nbl
from nbbilinear.backends import costs
from nbbilinear.backends.gemm import accumulate, left, project
from nbbilinear.backends.numba import parallel
from nbbilinear.plan import _plan

import cases
import oracle

SIZE = st.sampled_from([0, 1, 2, 3, 5, 7])
ROWS = st.sampled_from([0, 1, 2, 3])
SIZES = st.tuples(ROWS, ROWS, st.sampled_from([0, 1, 3]), SIZE, SIZE)
TAKEN = cases.taken()
FEW = settings(max_examples=25, deadline=None)


def assert_within(found, exact, dtype, name):
    assert found.dtype == dtype
    assert found.shape == exact.value.shape
    error = abs(found.astype(np.float64) - exact.value)
    assert (error <= exact.bound(dtype)).all(), f"{name}: off by {error.max()}, allowed {exact.bound(dtype).min()}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kernel", "case"), TAKEN)
@given(sizes=SIZES, seed=st.integers(0, 2**32 - 1))
@FEW
def test_forward(kernel, case, dtype, sizes, seed):
    some = cases.shapes(case, *sizes)
    given_operands = cases.operands(some, dtype, np.random.default_rng(seed))
    out = np.full(cases.y_shape(some), np.nan, dtype)
    y = nbl.bilinear(**given_operands, out=out, backend=kernel)
    assert y is out
    assert_within(out, oracle.faces(**given_operands)["y"], dtype, "y")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kernel", "case"), TAKEN)
@given(sizes=SIZES, seed=st.integers(0, 2**32 - 1))
@FEW
def test_backward(kernel, case, dtype, sizes, seed):
    rng = np.random.default_rng(seed)
    some = cases.shapes(case, *sizes)
    ours = cases.operands(some, dtype, rng)
    g = rng.normal(size=cases.y_shape(some)).astype(dtype)
    names = [name for name in nbl.BilinearGrads._fields if ours[name] is not None]
    out = nbl.BilinearGrads(**{name: np.full(ours[name].shape, np.nan, dtype) for name in names})

    nbl.bilinear_backward(g, **ours, out=out, backend=kernel)

    exact = oracle.faces(**ours, grad_output=g)
    for name in names:
        assert_within(getattr(out, name), exact[name], dtype, name)


@pytest.mark.parametrize(("kernel", "case"), TAKEN)
def test_in_many_blocks_and_chunks(kernel, case, monkeypatch):
    """With room for a few rows at a time, and every row of the compiled loops a chunk of its own."""
    monkeypatch.setattr(costs, "WORKSPACE_BYTES", 200)
    monkeypatch.setattr(accumulate, "WORKSPACE_BYTES", 200)
    for order in (project, left):
        monkeypatch.setattr(order, "TALL", 2)
    for bound in ("SHORTEST", "LONGEST"):
        monkeypatch.setattr(parallel, bound, 0)
    _plan.cache_clear()
    rng = np.random.default_rng(6)
    some = cases.shapes(case, 5, 4, 3, 5, 7)
    ours = cases.operands(some, "float64", rng)
    g = rng.normal(size=cases.y_shape(some))
    out = np.full(cases.y_shape(some), np.nan)
    try:
        nbl.bilinear(**ours, out=out, backend=kernel)
        found = nbl.bilinear_backward(g, **ours, backend=kernel)
    finally:
        _plan.cache_clear()
    exact = oracle.faces(**ours, grad_output=g)
    assert_within(out, exact["y"], "float64", "y")
    for name, gradient in found._asdict().items():
        if gradient is not None:
            assert_within(gradient, exact[name], "float64", name)


@pytest.mark.parametrize("wanted", [["x1"], ["x2"], ["weight"], ["bias"], ["x1", "weight"], ["x2", "bias"]])
@pytest.mark.parametrize(("kernel", "case"), TAKEN)
def test_any_subset_of_gradients_added_to_what_is_there(kernel, case, wanted):
    rng = np.random.default_rng(7)
    some = cases.shapes(case)
    ours = cases.operands(some, "float64", rng)
    g = rng.normal(size=cases.y_shape(some))
    wanted = [name for name in wanted if ours[name] is not None]
    before = {name: rng.normal(size=ours[name].shape) for name in wanted}
    out = nbl.BilinearGrads(**{name: a.copy() for name, a in before.items()})

    found = nbl.bilinear_backward(g, **ours, wrt=wanted, out=out, accumulate=True, backend=kernel)

    exact = oracle.faces(**ours, grad_output=g)
    for name in nbl.BilinearGrads._fields:
        if name in wanted:
            assert getattr(found, name) is getattr(out, name)
            error = abs(getattr(out, name) - (before[name] + exact[name].value))
            room = exact[name].bound("float64") + 2 * np.finfo("float64").eps * (
                abs(before[name]) + exact[name].magnitude
            )
            assert (error <= room).all(), name
        else:
            assert getattr(found, name) is None
