"""Half floats, and operands of several dtypes: as if computed in the wider dtype and rounded once, at the end."""

import itertools
import os
from functools import lru_cache

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear.backends import conversion
from nbbilinear.backends.numba.simd import halves as kernels
from nbbilinear.backends.widened import blocks
from nbbilinear.backends.widened import pairs as pairs_around
from nbbilinear.backends.widened import rows as rows_around
from nbbilinear.execute import Choice
from nbbilinear.plan import _plan

import cases
import halves
import memory
import oracle

SIZES = (5, 4, 3, 6, 7)
MIXED = {  # dtypes of x1, x2, weight, bias; of y
    "x1 float16": (("float16", "float32", "float32", "float32"), "float32"),
    "weight bfloat16": (("float32", "float32", "bfloat16", "float32"), "float32"),
    "x2 float64": (("float32", "float64", "float16", "float16"), "float64"),
    "x1 of integers": (("int8", "float16", "float16", "float16"), "float16"),
    "swapped bytes": ((">f4", ">f4", "float32", ">f4"), "float32"),
}


def cut_small(monkeypatch, others=()):
    for module in (rows_around, pairs_around, *others):
        monkeypatch.setattr(module, "ELEMENTS", 30, raising=False)
        monkeypatch.setattr(module, "LEAST", 0, raising=False)
    monkeypatch.setattr(Choice, "scratch", lambda choice: np.full(choice.workspace, np.nan, choice.problem.dtype))
    _plan.cache_clear()


@pytest.fixture
def forgets_plans():
    yield
    _plan.cache_clear()


@pytest.fixture(params=["whole", "in many blocks"])
def in_blocks(request, monkeypatch, forgets_plans):
    if request.param != "whole":
        cut_small(monkeypatch)


@lru_cache(maxsize=256)
def drawn(case, dtype):
    """Operands, a gradient of y, and what is exact in float32; for all kernels."""
    rng, dtype = np.random.default_rng(3), halves.dtype(dtype)
    some = cases.shapes(case, *SIZES)
    ours = cases.operands(some, dtype, rng, cases.small_integers)
    wide = {name: a if name == "index" else halves.widely(a) for name, a in ours.items()}
    g = cases.small_integers(rng, cases.y_shape(some)).astype(dtype)
    return ours, g, oracle.whole(**wide, grad_output=halves.widely(g))


@pytest.mark.parametrize(("kernel", "case"), cases.taken())
@pytest.mark.usefixtures("forgets_plans")
def test_whole_numbers(kernel, case, monkeypatch):
    """Sums of small integers are exact in float32: what is left is one rounding, so that bits must match.

    Every case in one half float at once and in the other in many blocks, and the next case the other way round.
    """
    names = halves.NAMES if cases.NAMES.index(case) % 2 else halves.NAMES[::-1]
    check_whole_numbers(kernel, case, names[0])
    cut_small(monkeypatch)
    check_whole_numbers(kernel, case, names[1])


def check_whole_numbers(kernel, case, dtype):
    ours, g, exact = drawn(case, dtype)
    dtype = g.dtype
    names = [name for name in nbl.BilinearGrads._fields if ours[name] is not None]
    out = nbl.BilinearGrads(**{name: np.full_like(ours[name], np.nan) for name in names})
    y = nbl.bilinear(**ours, out=np.full(g.shape, np.nan, dtype), backend=kernel)
    found = nbl.bilinear_backward(g, **ours, out=out, backend=kernel)
    np.testing.assert_array_equal(y, exact["y"].astype(dtype))
    for name in names:
        assert getattr(found, name).dtype == dtype
        np.testing.assert_array_equal(getattr(found, name), exact[name].astype(dtype))


@pytest.mark.parametrize("wanted", [["x1"], ["weight"], ["bias"], ["x2", "weight"]])
@pytest.mark.parametrize("case", ["rows", "pairs", "index, out axis", "index of pairs", "stacked weight of both"])
def test_what_is_added_to_is_rounded_once(case, wanted, in_blocks):
    """1 + 2**-9 n, in bfloat16 of 8 bits: rounded before it is added, small n would be lost or doubled."""
    rng, dtype = np.random.default_rng(4), halves.dtype("bfloat16")
    some = cases.shapes(case, *SIZES)
    ours = cases.operands(some, dtype, rng, cases.small_integers)
    g = (cases.small_integers(rng, cases.y_shape(some)) * 2.0**-9).astype(dtype)
    wanted = [name for name in wanted if ours[name] is not None]
    before = {name: np.ones(ours[name].shape, dtype) for name in wanted}
    out = nbl.BilinearGrads(**{name: a.copy() for name, a in before.items()})
    nbl.bilinear_backward(g, **ours, wrt=wanted, out=out, accumulate=True)
    wide = {name: a if name == "index" else halves.widely(a) for name, a in ours.items()}
    exact = oracle.faces(**wide, grad_output=halves.widely(g))
    for name in wanted:
        np.testing.assert_array_equal(getattr(out, name), (1 + exact[name].value).astype(dtype))


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("case", ["rows", "no out axis", "pairs", "index", "bias of y", "stacked weight"])
@pytest.mark.parametrize("mix", MIXED)
def test_several_dtypes(mix, case, backend, in_blocks):
    names, of_y = MIXED[mix]
    rng = np.random.default_rng(5)
    some = cases.shapes(case, *SIZES)
    ours = cases.operands(some, "float32", rng, cases.small_integers)
    for name, dtype in zip(("x1", "x2", "weight", "bias"), names, strict=True):
        ours[name] = None if ours[name] is None else ours[name].astype(halves.dtype(dtype))
    g = cases.small_integers(rng, cases.y_shape(some)).astype(halves.dtype(of_y))
    wide = {name: a if name == "index" else halves.widely(a) for name, a in ours.items()}
    y = nbl.bilinear(**ours, backend=backend)
    assert y.dtype == of_y
    np.testing.assert_array_equal(y, cases.definition(**wide).astype(y.dtype))
    wanted = [name for name in nbl.BilinearGrads._fields if ours[name] is not None and ours[name].dtype.kind not in "i"]
    exact = oracle.faces(**wide, grad_output=halves.widely(g))
    for name in wanted:
        gradient = getattr(nbl.bilinear_backward(g, **ours, wrt=wanted, backend=backend), name)
        assert gradient.dtype == ours[name].dtype.newbyteorder("=")
        np.testing.assert_array_equal(gradient, exact[name].value.astype(gradient.dtype))


@pytest.mark.parametrize("dtype", halves.NAMES)
@pytest.mark.parametrize("layout", [np.asfortranarray, lambda a: a[::-1], lambda a: np.repeat(a, 2, -1)[..., ::2]])
def test_any_strides(dtype, layout):
    rng, dtype = np.random.default_rng(6), halves.dtype(dtype)
    x1, x2, w = (cases.small_integers(rng, shape).astype(dtype) for shape in ((9, 8), (9, 20), (4, 8, 20)))
    out, read_only = np.full((4, 9), np.nan, dtype).T, layout(w)
    read_only.flags.writeable = False
    nbl.bilinear(layout(x1), layout(x2), read_only, out=out)
    seen = [halves.widely(layout(a)) for a in (x1, x2, w)]
    np.testing.assert_array_equal(out, cases.definition(*seen, None, None).astype(dtype))


@pytest.mark.parametrize("dtype", halves.NAMES)
def test_rounding_is_within_the_bound(dtype):
    rng, dtype = np.random.default_rng(7), halves.dtype(dtype)
    ours = cases.operands(cases.shapes("rows", 9, 1, 4, 21, 18), dtype, rng)
    g = rng.normal(size=(9, 4)).astype(dtype)
    wide = {name: halves.widely(a) for name, a in ours.items()}
    exact = oracle.faces(**wide, grad_output=halves.widely(g))
    found = {"y": nbl.bilinear(**ours)} | nbl.bilinear_backward(g, **ours)._asdict()
    for name, result in found.items():
        assert (abs(halves.widely(result) - exact[name].value) <= halves.bound(exact[name], dtype)).all(), name


def test_a_gradient_of_y_in_float32_is_not_rounded_first():
    x1, x2, w = (np.ones(shape, np.float16) for shape in ((1, 1), (1, 1), (1, 1, 1)))
    fine = np.float32(1 + 2.0**-12)
    both = nbl.bilinear_backward(np.array([[fine]]), x1, x2, w * np.float16(2048), wrt="x1").x1
    assert both.item() == np.float16(2048 * fine)


def test_float16_with_bfloat16_goes_by_what_numpy_promotes_them_to():
    """From ml-dtypes 0.7 on that is float32; before, there is none."""
    x1, x2, w = (np.ones(shape, np.float16) for shape in ((2, 3), (2, 3), (1, 3, 3)))
    x2 = x2.astype(halves.dtype("bfloat16"))
    try:
        common = np.result_type(x1, x2)
    except np.exceptions.DTypePromotionError:
        with pytest.raises(nbl.DTypeError, match="NumPy has no common dtype for these: cast"):
            nbl.bilinear(x1, x2, w)
        return
    y = nbl.bilinear(x1, x2, w)
    assert y.dtype == common
    np.testing.assert_array_equal(y, np.full((2, 1), 9))


def test_a_plan_says_so_and_is_for_these_dtypes_only():
    shapes = (4, 3), (4, 3), (2, 3, 3)
    plan = nbl.plan(*shapes, dtype=np.float16)
    assert "converted to float32 block by block" in str(plan)
    assert plan.run(*(np.ones(shape, np.float16) for shape in shapes)).dtype == np.float16
    with pytest.raises(nbl.ShapeError, match=r"planned as .* float16"):
        plan.run(*(np.ones(shape, np.float32) for shape in shapes))
    with pytest.raises(nbl.ShapeError, match=r"planned as .* float32"):
        nbl.plan(*shapes).run(*(np.ones(shape, np.float16) for shape in shapes))


@pytest.mark.thorough
@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="minutes of plain Python loops")
@pytest.mark.parametrize("kernel", ["numpy", "numba"])
@pytest.mark.parametrize("dtype", halves.NAMES)
def test_memory(kernel, dtype):
    """No copy in float32 of an operand, a gradient or y that is large."""
    shapes = (40_000, 16), (40_000, 16), (100, 16, 16)
    x1, x2, w = (np.ones(shape, halves.dtype(dtype)) for shape in shapes)
    held, y = memory.peak(lambda: nbl.bilinear(x1, x2, w, backend=kernel))
    assert held <= y.nbytes + (12 << 20)
    held, found = memory.peak(lambda: nbl.bilinear_backward(y, x1, x2, w, backend=kernel))
    assert held <= sum(a.nbytes for a in found[:3]) + (20 << 20)


@pytest.mark.parametrize(
    ("dtype", "convert"), list(itertools.product(halves.NAMES, (kernels.convert, conversion.convert)))
)
def test_every_half_float_converts_there_and_back(dtype, convert):
    every = np.arange(1 << 16, dtype=np.uint16).view(halves.dtype(dtype))
    wide, back = np.empty(every.shape, np.float32), np.empty_like(every)
    with np.errstate(invalid="ignore"):  # ARM: NumPy warns of signalling NaN among them
        convert(wide, every)
        np.testing.assert_array_equal(wide, every.astype(np.float32))
        convert(back, wide)
    np.testing.assert_array_equal(back.astype(np.float32), wide)


@pytest.mark.parametrize("dtype", halves.NAMES)
@pytest.mark.parametrize("columns", [1, 3, 15, 16, 17, 40])
def test_conversion_rounds_to_the_nearest_and_stays_within_its_columns(dtype, columns):
    rng, dtype = np.random.default_rng(8), halves.dtype(dtype)
    bits = rng.integers(0, 1 << 32, (50, columns), np.uint32)
    bits[:4, 0] = 0x7F800001, 0x7FFFFFFF, 0xFFFFFFFF, 0x7F7FFFFF  # NaN of several payloads; the largest number
    source = bits.view(np.float32)
    target = np.zeros((60, columns + 9), dtype)[:50]
    kernels.convert(target[:, 4 : 4 + columns], source)
    with np.errstate(all="ignore"):
        found, wanted = target[:, 4 : 4 + columns], source.astype(dtype)
    np.testing.assert_array_equal(*(a.astype(np.float32) for a in (found, wanted)))
    assert not target[:, :4].any()
    assert not target[:, 4 + columns :].any()


def test_chunks_hold_every_row_once():
    which = np.array([5, 2, 5, 0, 2, 5])
    for most in (1, 2, 9):
        seen = []
        for chunk in blocks.chunks(which, most):
            assert len(chunk.weights) <= most
            np.testing.assert_array_equal(chunk.weights[chunk.local], which[chunk.members])
            for rows, _ in chunk.rows(len(which), 2):
                assert len(rows) <= 2
                seen += rows.tolist()
        assert sorted(seen) == list(range(6))
