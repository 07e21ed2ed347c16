"""Forms with a kernel of their own, and steps without a plan: the same sums as by the definition, bit for bit.

Small integers: all sums are exact in any order. Kernels are asked for by name, so that small sizes meet them too.
"""

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear.backends.numba import processors
from nbbilinear.backends.numba.simd.machine import lacks
from nbbilinear.config import current
from nbbilinear.forms import FORMS, at_once

import cases
import formed
import oracle
import pairwise

KERNELS = [name for name, kind in FORMS.items() if kind.kernel is not None]
SIZES = (  # of letters: one, primes, more than a tile and a panel
    {"k": 1, "i": 1, "j": 1, "r": 1, "z": 1},
    {"k": 5, "i": 3, "j": 2, "r": 7, "z": 4},
    {"k": 33, "i": 17, "j": 40, "r": 1, "z": 60},
    {"k": 16, "i": 31, "j": 5, "r": 2, "z": 60},
    {"k": 11, "i": 19, "j": 29, "r": 3, "z": 60},
    {"k": 29, "i": 13, "j": 8, "r": 5, "z": 60},
    {"k": 13, "i": 64, "j": 3, "r": 16, "z": 60},
    {"k": 40, "i": 20, "j": 21, "r": 40, "z": 60},
)


@pytest.fixture(autouse=True)
def _forgets_what_small_sizes_took():
    yield
    at_once.kernel_for.cache_clear()


def drawn(name, sizes, rows, dtype, values=cases.small_integers):
    rng, kind = np.random.default_rng(rows), FORMS[name]
    sizes = sizes | dict(kind.fixed)
    given = {letter: rng.integers(sizes[letter], size=sizes["z"]) for letter in kind.given}
    form = kind.at(sizes, lambda shape: values(rng, shape).astype(dtype), **given)
    x1, x2 = (values(rng, (rows, size)).astype(dtype) for size in form.shape[1:])
    return {"x1": x1, "x2": x2, "weight": form, "bias": values(rng, form.shape[:1]).astype(dtype), "index": None}


WAYS = pairwise.rows({"sizes": tuple(range(len(SIZES))), "rows": (1, 33, 70), "dtype": ("float32", "float64")})


@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(map(str, way.values())))
@pytest.mark.parametrize("name", KERNELS)
def test_kernels_bit_for_bit(name, way, monkeypatch):
    sizes, rows, dtype = SIZES[way["sizes"]], way["rows"], way["dtype"]
    monkeypatch.setattr(at_once, "SMALLEST", 1)
    at_once.kernel_for.cache_clear()
    given = drawn(name, sizes, rows, dtype)
    want = cases.definition(**formed.expanded(given))
    np.testing.assert_array_equal(nbl.bilinear(**given, backend="numba"), want)
    np.testing.assert_array_equal(nbl.bilinear(**given, backend="numpy"), want)
    found, plain = (nbl.bilinear_backward(want, **given, backend=one) for one in (None, "numpy"))
    for one, other in zip(found[:2] + found[3:], plain[:2] + plain[3:], strict=True):
        np.testing.assert_array_equal(one, other)
    for parameter, gradient in plain.weight.parameters.items():
        np.testing.assert_array_equal(found.weight.parameters[parameter], gradient)
    wide = np.full((*want.shape, 2), np.nan, dtype)
    nbl.bilinear(**given, out=wide[..., 1], backend="numba")
    np.testing.assert_array_equal(wide[..., 1], want)


@pytest.mark.parametrize("name", KERNELS)
def test_operands_that_lie_otherwise(name):
    """Views, Fortran order, negative strides, read-only: copied or aliased, never compiled for."""
    given = drawn(name, SIZES[6], 70, "float64")
    want = cases.definition(**formed.expanded(given))
    x1, x2 = np.asfortranarray(given["x1"]), given["x2"][::-1].copy()[::-1]
    x2.flags.writeable = False
    turned = given["weight"].map(np.asfortranarray)
    np.testing.assert_array_equal(nbl.bilinear(x1, x2, turned, given["bias"], backend="numba"), want)
    mixed = given | {"x1": given["x1"].astype("f4")}
    np.testing.assert_array_equal(nbl.bilinear(**mixed, backend="numba"), want)
    deep = given | {"x1": given["x1"].reshape(7, 10, -1), "x2": given["x2"].reshape(7, 10, -1)}
    np.testing.assert_array_equal(nbl.bilinear(**deep, backend="numba"), want.reshape(7, 10, -1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", KERNELS)
def test_kernels_within_the_bound(name, dtype):
    given = drawn(
        name, {"k": 3, "i": 50, "j": 20, "r": 7, "z": 60}, 33, dtype, lambda rng, shape: rng.normal(size=shape)
    )
    y = nbl.bilinear(**given, backend="numba")
    wide = {n: a.astype("f8") for n, a in given.items() if n in ("x1", "x2", "bias")} | {"index": None}
    exact = oracle.faces(**formed.expanded(wide | {"weight": given["weight"].map(lambda a: a.astype("f8"))}))["y"]
    sure = {n: abs(a) for n, a in wide.items() if a is not None} | {"index": None}
    sure = formed.expanded(sure | {"weight": given["weight"].map(lambda a: abs(a.astype("f8")))})
    magnitude = oracle.faces(**sure)["y"].magnitude
    terms = sum(given["weight"].sizes.values()) + exact.terms
    bound = exact._replace(magnitude=magnitude, terms=terms + 8.0).bound(dtype)
    assert (abs(y - exact.value) <= bound).all()
    assert not (abs(y * 1.001 - exact.value) <= bound).all()


@pytest.mark.parametrize("name", KERNELS)
def test_threads_do_not_show(name, monkeypatch):
    monkeypatch.setattr(processors, "available", lambda: 3)
    sizes = SIZES[6] | {"k": 40, "i": 100, "j": 120}
    given = drawn(name, sizes, 3000, "float32", lambda rng, shape: rng.normal(size=shape))
    found = []
    for threads in (1, 3):
        with nbl.config(threads=threads):
            found.append(nbl.bilinear(**given))
    np.testing.assert_array_equal(*found)


@pytest.mark.skipif(lacks() is not None, reason="the kernels need vectors with fused multiply-add")
@pytest.mark.parametrize("name", ["low_rank", "cp", "diagonal"])
def test_nan_and_infinity_stay_in_their_rows(name):
    given = drawn(name, SIZES[6], 70, "float32", lambda rng, shape: rng.normal(size=shape))
    y = nbl.bilinear(**given, backend="numba")
    given["x1"][3, 0], given["x2"][69, 1] = np.nan, np.inf
    broken = nbl.bilinear(**given, backend="numba")
    assert not np.isfinite(broken[[3, 69]]).any()
    others = np.setdiff1d(np.arange(70), [3, 69])
    np.testing.assert_array_equal(broken[others], y[others])


@pytest.mark.parametrize("name", FORMS)
def test_steps_without_a_plan_are_those_with_one(name):
    rng = np.random.default_rng(3)
    given = formed.operands(FORMS[name], "rows", "float64", rng, cases.small_integers, formed.sizes_of(FORMS[name], 3))
    g = cases.small_integers(rng, (len(given["x1"]), given["weight"].shape[0]))
    operands = given["weight"], given["x1"], given["x2"], given["bias"], None
    y = at_once.forward(*operands)
    np.testing.assert_array_equal(y, cases.definition(**formed.expanded(given)))
    found = at_once.backward(operands[0], g, *operands[1:])
    plain = nbl.bilinear_backward(g, **given, backend="numpy")
    for operand in ("x1", "x2", "bias"):
        np.testing.assert_array_equal(getattr(found, operand), getattr(plain, operand))
    for parameter, gradient in plain.weight.parameters.items():
        np.testing.assert_array_equal(found.weight.parameters[parameter], gradient)


@pytest.mark.parametrize("change", [
    {"x1": lambda a: a[:, :-1]}, {"x2": lambda a: a[:-1]}, {"x1": lambda a: a[None]}, {"x1": np.asfortranarray},
    {"bias": lambda a: a[:-1]}, {"x2": lambda a: a.astype("f4")}, {"x1": lambda a: a.tolist()}, {"x1": lambda a: a[:0]},
])  # fmt: skip
def test_all_else_goes_the_long_way(change):
    given = drawn("low_rank", SIZES[1], 31, "float64")
    given |= {name: do(given[name]) for name, do in change.items()}
    operands = given["weight"], given["x1"], given["x2"], given["bias"], None
    assert at_once.forward(*operands) is None
    assert at_once.backward(operands[0], np.ones((31, 5)), *operands[1:]) is None


@pytest.mark.skipif(lacks() is not None, reason="the kernels need vectors with fused multiply-add")
def test_when_a_kernel_is_taken():
    def taken(name, rows, shapes, backend=None):
        return at_once.kernel_for(name, rows, shapes, np.dtype("f4"), backend, current()) is not None

    low = ((64, 512, 16), (64, 512, 16))
    assert taken("low_rank", 1024, low)
    assert taken("low_rank", 1024, low, backend="numba")
    assert not taken("low_rank", 1024, low, backend="numpy")
    assert not taken("low_rank", 1024, low, backend="numba/portable")
    assert not taken("low_rank", 7, low)  # two panels of the narrowest vectors
    assert not taken("low_rank", 1024, ((64, 512, 100), (64, 512, 100)))
    assert not taken("low_rank", 64, ((8, 4, 4), (8, 4, 4)))
    assert taken("low_rank", 64, ((8, 4, 4), (8, 4, 4)), backend="numba")
    with nbl.config(backend="numpy"):
        assert not taken("low_rank", 1024, low)


def test_a_precision_is_refused():
    given = drawn("low_rank", SIZES[1], 31, "float32")
    with nbl.config(precision="tf32"), pytest.raises(nbl.BackendError, match="'tf32' needs matrix hardware"):
        nbl.bilinear(**given)
