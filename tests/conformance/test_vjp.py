"""A product with its gradients where a kernel keeps something of the forward; `test_product` has the rest."""

import threading
from importlib import import_module
from itertools import product

import numpy as np
import pytest
from conformance.test_product import START, TAKEN, assert_right, posed

import nbbilinear as nbl
from nbbilinear import backends
from nbbilinear.forms import LowRank

import cases

plan = import_module("nbbilinear.plan")
KEEPING = {kernel.name for place in ("numpy", "numba") for kernel in backends.backend(place).kernels if kernel.keep}
WAYS = [one for one in TAKEN if one[0] in KEEPING]
SIZES = ((3, 2, 3, 5, 7), (2, 3, 1, 17, 35), (2, 0, 1, 3, 2))


@pytest.fixture
def always_kept(monkeypatch):
    """Whatever can be kept is, whether it pays or not."""
    whole = plan._keeping

    def keeping(choice):
        seconds, elements = whole(choice)
        return (-1.0 if seconds < np.inf else seconds), elements

    plan._both.cache_clear()
    monkeypatch.setattr(plan, "_keeping", keeping)
    yield
    plan._both.cache_clear()


@pytest.mark.usefixtures("always_kept")
@pytest.mark.parametrize(("kernel", "case"), WAYS)
def test_vjp(kernel, case):
    for dtype, sizes in product(("float32", "float64"), SIZES):
        ours, g, exact = posed(case, "normal", dtype, *sizes)
        y, pullback = nbl.bilinear_vjp(**ours, backend=kernel)
        found = pullback(g)
        start = [None if ours[name] is None else np.full_like(ours[name], START) for name in nbl.BilinearGrads._fields]
        added = pullback(g, out=nbl.BilinearGrads(*start), accumulate=True)
        assert_right(y, exact["y"], dtype, "y")
        for name in nbl.BilinearGrads._fields:
            if ours[name] is None:
                assert getattr(found, name) is None
                continue
            assert_right(getattr(found, name), exact[name], dtype, name)
            assert_right(getattr(added, name), exact[name], dtype, name, start=START)


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
