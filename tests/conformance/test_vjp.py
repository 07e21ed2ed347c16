"""A product with its gradients, on every way the leading axes can meet, whether something is kept or not."""

import threading
from importlib import import_module

import numpy as np
import pytest
from conformance.test_product import TAKEN, assert_within

import nbbilinear as nbl
from nbbilinear import backends
from nbbilinear.forms import LowRank

import cases
import oracle

plan = import_module("nbbilinear.plan")
KEEPING = {kernel.name for place in ("numpy", "numba") for kernel in backends.backend(place).kernels if kernel.keep}
WAYS = [(*one, always) for one in TAKEN for always in ((False, True) if one[0] in KEEPING else (False,))]
SIZES = ((3, 2, 3, 5, 7), (2, 3, 1, 17, 35), (2, 0, 1, 3, 2))


@pytest.fixture
def always_kept(monkeypatch):
    """Whatever can be kept is, whether it pays or not."""
    whole = plan._keeping

    def keeping(choice):
        seconds, elements = whole(choice)
        return (-1.0 if seconds < np.inf else seconds), elements

    plan._both.cache_clear()
    yield lambda: monkeypatch.setattr(plan, "_keeping", keeping)
    plan._both.cache_clear()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kernel", "case", "always"), WAYS)
def test_vjp(always_kept, kernel, case, always, dtype):
    if always:
        always_kept()
    rng = np.random.default_rng(0)
    for sizes in SIZES:
        some = cases.shapes(case, *sizes)
        operands = cases.operands(some, dtype, rng)
        g = rng.normal(size=cases.y_shape(some)).astype(dtype)
        y, pullback = nbl.bilinear_vjp(**operands, backend=kernel)
        found = pullback(g)
        start = [None if operands[name] is None else np.ones_like(operands[name]) for name in nbl.BilinearGrads._fields]
        added = pullback(g, out=nbl.BilinearGrads(*start), accumulate=True)
        exact = oracle.faces(**operands, grad_output=g)
        assert_within(y, exact["y"], dtype, "y")
        for name in nbl.BilinearGrads._fields:
            if operands[name] is None:
                assert getattr(found, name) is None
                continue
            assert_within(getattr(found, name), exact[name], dtype, name)
            with_one = getattr(added, name).astype(np.float64) - exact[name].value - 1
            assert (abs(with_one) <= 2 * exact[name].bound(dtype) + 4 * np.finfo(dtype).eps).all()


def matcher(rows=200, features=64, dtype="float32"):
    rng = np.random.default_rng(1)
    shapes = ((rows, features), (rows, features), (1, features, features), (1,), (rows, 1))
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def test_what_is_kept_is_used():
    """Where x1 W is kept, dx2 comes of it: of one that is spoiled comes another."""
    *operands, g = matcher()
    with nbl.config(backend="numba/simd.columns"):
        try:
            _, pullback = nbl.bilinear_vjp(*operands)
        except nbl.BackendError:
            pytest.skip("no vector kernels here")
        before = pullback(g)
        pullback._kept["kept"][:] = 0
        after = pullback(g)
    assert not after.x2.any()
    np.testing.assert_array_equal(before.x1, after.x1)


def test_no_more_is_kept_than_said():
    """8 MB; a larger x1 W is computed anew."""
    shapes = ((8200, 256), (8200, 256), (1, 256, 256))
    zeros = [np.zeros(shape, np.float32) for shape in shapes]
    kept = nbl.bilinear_vjp(*zeros)[1]._kept
    assert sum(a.nbytes for a in kept.values()) <= plan.KEPT_BYTES
    assert not kept


def test_another_number_of_threads_in_between():
    """A workspace is for the settings in force; bits are the same for all."""
    *operands, g = matcher(rows=5000)
    with nbl.config(threads=1):
        y, pullback = nbl.bilinear_vjp(*operands)
        alone = pullback(g)
    with nbl.config(threads=2):
        for one, other in zip(alone, pullback(g), strict=True):
            np.testing.assert_array_equal(one, other)
        again, pullback = nbl.bilinear_vjp(*operands)
    np.testing.assert_array_equal(y, again)
    with nbl.config(threads=1):
        np.testing.assert_array_equal(pullback(g).x2, alone.x2)


@pytest.mark.parametrize("weights", [(3, 64, 64), (3, 2, 64, 64)])
@pytest.mark.parametrize("strided", [False, True])
def test_an_index_that_changes_in_between_reaches_nothing(weights, strided):
    rng = np.random.default_rng(4)
    x1, x2 = (rng.normal(size=(40, 64)).astype("f4") for _ in range(2))
    weight, index = rng.normal(size=weights).astype("f4"), rng.integers(0, 3, 80 if strided else 40)
    index = index[::2] if strided else index
    y, pullback = nbl.bilinear_vjp(x1, x2, weight, index=index)
    before = pullback(y)
    index[:] = 10**6
    for one, other in zip(before[:3], pullback(y)[:3], strict=True):
        np.testing.assert_array_equal(one, other)


def test_from_several_threads():
    *operands, g = matcher()
    _, pullback = nbl.bilinear_vjp(*operands)
    wanted, results = pullback(g), {}

    def pull(number):
        results[number] = pullback(g * np.float32(2.0**number))

    threads = [threading.Thread(target=pull, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, found in results.items():
        np.testing.assert_array_equal(found.x2, wanted.x2 * np.float32(2.0**number))


def test_of_a_form():
    rng = np.random.default_rng(2)
    x1, x2, u, v = (rng.normal(size=s) for s in ((4, 5), (4, 6), (3, 5, 2), (3, 6, 2)))
    g = rng.normal(size=(4, 3))
    y, pullback = nbl.bilinear_vjp(x1, x2, LowRank(u, v))
    full = LowRank(u, v).expand()
    np.testing.assert_allclose(y, cases.definition(x1, x2, full, None, None))
    np.testing.assert_allclose(pullback(g).x2, np.einsum("bk,kij,bi->bj", g, full, x1))


def test_refusals():
    *operands, g = matcher(rows=4)
    with pytest.raises(nbl.DTypeError, match="integers have no gradients"):
        nbl.bilinear_vjp(*(a.astype(np.int64) for a in operands))
    with pytest.raises(nbl.ShapeError, match="bilinear_vjp"):
        nbl.bilinear_vjp(operands[0][:3], *operands[1:])
    _, pullback = nbl.bilinear_vjp(*operands)
    with pytest.raises(nbl.ShapeError, match="grad_output"):
        pullback(g[:3])
    with pytest.raises(nbl.DTypeError):
        pullback(g.astype(complex))
