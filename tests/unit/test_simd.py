"""The vector kernels on vectors of every width, and with blocks so small that every loop turns several times."""

import pkgutil
from importlib import import_module

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear import backends
from nbbilinear.execute import Choice
from nbbilinear.plan import _plan

import widths

simd = pytest.importorskip("nbbilinear.backends.numba.simd")
machine = import_module("nbbilinear.backends.numba.simd.machine")
if machine.host() is None:
    pytest.skip("no machine code here: NUMBA_DISABLE_JIT, or a processor without multiply-add", allow_module_level=True)

MODULES = [import_module(found.name) for found in pkgutil.iter_modules(simd.__path__, simd.__name__ + ".")]
SMALL = {
    "BLOCK": 6,
    "CHAIN": 4,
    "SWEEP": 2,
    "NATIVE_BLOCK": 5,
    "NATIVE_BYTES": 500,
    "PANEL_BYTES": 4000,
    "HEAVY_BYTES": 4000,
    "WEIGHT_BYTES": 500,
    "SHARED_FLOP": 3000,
    "LEAST_FLOP": 300,
    "ROW_BYTES": 800,
    "TOTALS_BYTES": 700,
    "Z_BYTES": 900,
    "PAST_BYTES": 0,
}
GUARD = 512
SIZES = [
    (1, 1, 1, 1),
    (150, 67, 40, 1),
    (7, 13, 11, 5),
    (14, 17, 35, 3),
    (5, 10, 37, 9),
    (5, 11, 37, 9),
    (70, 19, 33, 8),
    (40, 16, 16, 1),
    (131, 8, 8, 41),
]  # rows, in1, in2, out
ROWS = [kernel.name for kernel in simd.KERNELS if kernel.structure == "rows"]


def forget():
    """Drop what was cut for blocks of another size. Machine code stays: its addresses may be known elsewhere."""
    _plan.cache_clear()
    for module in MODULES:
        for one in vars(module).values():
            if hasattr(one, "cache_clear") and one is not machine._engine:
                one.cache_clear()


def cut_small(monkeypatch, modules=MODULES):
    """Blocks, panels and tasks of a few rows."""
    for module in modules:
        for name, value in SMALL.items():
            if hasattr(module, name):
                monkeypatch.setattr(module, name, value)


def guarded(lent):
    """In place of Choice.scratch: memory between guards, kept in ``lent``."""

    def scratch(choice):
        count = choice.workspace
        whole = np.full(count + 2 * GUARD, 77, choice.problem.dtype)
        whole[GUARD : GUARD + count] = np.nan
        lent.append(whole)
        return whole[GUARD : GUARD + count] if count else None

    return scratch


@pytest.fixture(params=widths.TIERED)
def kind(request, monkeypatch):
    """A width of vectors, small blocks, and a look at what lies beside the workspace."""
    lent = []
    monkeypatch.setattr(Choice, "scratch", guarded(lent))
    cut_small(monkeypatch)
    forget()
    with nbl.config(vectors=request.param):
        yield request.param
    forget()
    for whole in lent:
        assert (whole[:GUARD] == 77).all()
        assert (whole[-GUARD:] == 77).all()


def whole_numbers(rng, *shape, dtype):
    return rng.integers(-3, 4, shape).astype(dtype)


@pytest.mark.parametrize(("dtype", "threads"), [("float32", 2), pytest.param("float64", 1, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("kernel", ROWS)
@pytest.mark.usefixtures("kind")
def test_exact_on_whole_numbers(kernel, dtype, threads):
    check_whole_numbers(kernel, dtype, threads)


def check_whole_numbers(kernel, dtype, threads):
    """Sums of small whole numbers are exact in any order: every bit must be right."""
    rng, done = np.random.default_rng(0), 0
    for rows, in1, in2, out in SIZES:
        shapes = ((rows, in1), (rows, in2), (out, in1, in2), (out,), (rows, out))
        x1, x2, weight, bias, g = (whole_numbers(rng, *shape, dtype=dtype) for shape in shapes)
        with nbl.config(threads=threads, backend=kernel):
            try:
                nbl.plan(x1, x2, weight, bias)
            except nbl.BackendError:  # this kernel is for other sizes
                continue
            done += 1
            filled = np.full((rows, out), np.nan, dtype)
            nbl.bilinear(x1, x2, weight, bias, out=filled)
            start = [np.full_like(a, 2) for a in (x1, x2, weight, bias)]
            fresh = nbl.bilinear_backward(g, x1, x2, weight, bias)
            nbl.bilinear_backward(g, x1, x2, weight, bias, out=nbl.BilinearGrads(*start), accumulate=True)
        whole = [a.astype(np.int64) for a in (x1, x2, weight, bias, g)]
        np.testing.assert_array_equal(filled, np.einsum("bi,bj,kij->bk", *whole[:3]) + whole[3])
        gradients = (
            np.einsum("bk,kij,bj->bi", whole[4], whole[2], whole[1]),
            np.einsum("bk,kij,bi->bj", whole[4], whole[2], whole[0]),
            np.einsum("bk,bi,bj->kij", whole[4], whole[0], whole[1]),
            whole[4].sum(axis=0),
        )
        for found, added, exact in zip(fresh, start, gradients, strict=True):
            np.testing.assert_array_equal(found, exact)
            np.testing.assert_array_equal(added, exact + 2)
    assert done


KEEPING = [kernel.name for kernel in simd.KERNELS if kernel.keep is not None]


@pytest.mark.parametrize(
    ("weights", "dtype"),
    [(0, "float32"), (9, "float32"), pytest.param(2, "float64", marks=pytest.mark.thorough)],
)
@pytest.mark.parametrize("kernel", KEEPING)
@pytest.mark.usefixtures("kind")
def test_what_a_forward_keeps(kernel, dtype, weights):
    check_kept(kernel, dtype, weights)


def check_kept(kernel, dtype, weights):
    """Y and all gradients by way of what is kept, of one weight (0) or of rows that choose one of several."""
    rng = np.random.default_rng(3)
    for rows, in1, in2, out in SIZES:
        operands = [
            whole_numbers(rng, *shape, dtype=dtype)
            for shape in ((rows, in1), (rows, in2), (max(1, weights), out, in1, in2), (max(1, weights), out))
        ]
        x1, x2, weight, bias = operands
        g, which = whole_numbers(rng, rows, out, dtype=dtype), rng.integers(0, weights, rows) if weights else None
        asked = (x1, x2, weight if weights else weight[0], bias if weights else bias[0])
        ahead, back = (
            nbl.plan(*asked, index=which, backward=backward, backend=kernel).chosen for backward in (False, True)
        )
        if back.kernel.keep.work(back.problem) is None:
            continue  # other loops compute these
        many = ahead.kernel.keep.elements(ahead.problem)
        memory = np.full(many + 2 * GUARD, 77, dtype)
        y, kept = np.full((rows, out), np.nan, dtype), memory[GUARD : GUARD + many]
        kept[:] = np.nan
        ahead.kernel.forward(x1, x2, weight, bias, which, y, ahead.scratch(), kept=kept)
        start = [np.full_like(a, 2) for a in operands]
        fresh = [np.full_like(a, np.nan) for a in operands]
        for gradients, add in ((fresh, False), (start, True)):
            back.kernel.backward(g, x1, x2, weight, which, *gradients, back.scratch(), add, kept=kept)
        used = np.zeros(rows, int) if which is None else which
        x1, x2, weight, bias, g = (a.astype(np.int64) for a in (x1, x2, weight, bias, g))
        np.testing.assert_array_equal(y, np.einsum("bi,bj,bkij->bk", x1, x2, weight[used]) + bias[used])
        each, sums = np.einsum("bk,bi,bj->bkij", g, x1, x2), np.zeros_like(weight)
        np.add.at(sums, used, each)
        total = np.zeros_like(bias)
        np.add.at(total, used, g)
        gradients = (
            np.einsum("bk,bkij,bj->bi", g, weight[used], x2), np.einsum("bk,bkij,bi->bj", g, weight[used], x1), sums,
            total,
        )  # fmt: skip
        for found, added, exact in zip(fresh, start, gradients, strict=True):
            np.testing.assert_array_equal(found, exact)
            np.testing.assert_array_equal(added, exact + 2)
        assert (memory[:GUARD] == 77).all()
        assert (memory[-GUARD:] == 77).all()


@pytest.mark.parametrize("kernel", ROWS)
@pytest.mark.usefixtures("kind")
def test_chosen_weights_in_strides(kernel):
    check_chosen_weights(kernel)


def check_chosen_weights(kernel):
    """A weight for every row, some weights unused, y and its gradient in Fortran order."""
    rng = np.random.default_rng(1)
    x1, x2, weight = (whole_numbers(rng, *s, dtype="f4") for s in ((90, 9), (90, 12), (7, 20, 9, 12)))
    index = rng.choice([0, 2, 3, 6], 90)
    g = np.asfortranarray(whole_numbers(rng, 90, 20, dtype="f4"))
    out = np.full((90, 20), np.nan, "f4", order="F")
    try:
        nbl.bilinear(x1, x2, weight, index=index, backend=kernel, out=out)
    except nbl.BackendError:
        assert backends.backend("numba")  # this kernel is for one weight
        return
    found = nbl.bilinear_backward(g, x1, x2, weight, index=index, backend=kernel)
    np.testing.assert_array_equal(out, np.einsum("bi,bj,bkij->bk", x1, x2, weight[index]))
    np.testing.assert_array_equal(found.x1, np.einsum("bk,bkij,bj->bi", g, weight[index], x2))
    np.testing.assert_array_equal(found.x2, np.einsum("bk,bkij,bi->bj", g, weight[index], x1))
    each = np.einsum("bk,bi,bj->bkij", g, x1, x2)
    np.testing.assert_array_equal(found.weight, [each[index == w].sum(axis=0) for w in range(7)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("start", [0, 16])
@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.usefixtures("kind")
def test_gradient_of_the_weight_past_the_caches(monkeypatch, dtype, start, accumulate):
    """Whole lines of the cache are written past it; not where dW begins inside of one, nor where it is added to."""
    monkeypatch.setattr("nbbilinear.backends.numba.simd.weight_gradient.BLOCK", 256)
    rng = np.random.default_rng(2)
    x1, x2, weight, g = (whole_numbers(rng, *s, dtype=dtype) for s in ((9, 5), (9, 96), (4, 5, 96), (9, 4)))
    memory = np.full(weight.nbytes + 256, 1, np.uint8)
    begin = 64 + start - memory.ctypes.data % 64
    inside = memory[begin : begin + weight.nbytes].view(dtype).reshape(weight.shape)
    inside[...] = 2
    grads = nbl.BilinearGrads(None, None, inside, None)
    nbl.bilinear_backward(g, x1, x2, weight, wrt=("weight",), backend=ROWS[0], out=grads, accumulate=accumulate)
    exact = np.einsum("bk,bi,bj->kij", *(a.astype(np.int64) for a in (g, x1, x2)))
    np.testing.assert_array_equal(inside, exact + 2 * accumulate)
    assert (memory[:begin] == 1).all()
    assert (memory[begin + weight.nbytes :] == 1).all()
