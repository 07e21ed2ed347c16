"""Every kernel, on every way the leading axes can meet, against the definition summed exactly.

A row of ``ROWS`` is one use of the library: sizes, dtype, how operands and results lie in memory, which gradients are
wanted, by which verb. Any two values of any two factors meet in some row; each kernel runs every row, and each case of
leading axes every third.
"""

from functools import lru_cache

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear.backends import costs
from nbbilinear.backends.gemm import accumulate, left, project
from nbbilinear.backends.numba import parallel
from nbbilinear.plan import _plan

import cases
import oracle
import pairwise
from layouts import LAYOUTS, laid

TAKEN = cases.taken()
NAMES = nbl.BilinearGrads._fields
TYPED = [name for name in LAYOUTS if name != "nested lists"]  # lists are float64: in test_layout
FACTORS = {
    "values": ("whole", "normal"),
    "dtype": ("float32", "float64"),
    "r": (3, 0, 1, 2, 9),
    "s": (4, 0, 1, 2),
    "k": (2, 0, 1, 3, 9),
    "i": (5, 0, 1, 2, 7, 17),
    "j": (3, 0, 1, 8, 5, 33),
    "x1": TYPED,
    "x2": TYPED,
    "weight": TYPED,
    "grad_output": TYPED,
    "grad_dtype": ("same", "other"),
    "out": ("new", "plain", "fortran", "reversed", "every other"),
    "add": (False, True),
    "wrt": (NAMES, ("x1",), ("x2",), ("weight",), ("bias",), ("x1", "weight"), ("x2", "bias")),
    "verb": ("apart", "vjp"),
}
OTHER = {"float32": "float64", "float64": "float32"}  # a gradient of y in it has the same values
LARGE = 10  # features from which sums are written out no longer: whole numbers take their place
ROWS = pairwise.rows(FACTORS)
WITHOUT_STRIDES = {"grad_output": ("plain", "read-only", "byte-swapped", "unaligned"), "out": ("new", "plain")}
CONTIGUOUS = [pairwise.rows(FACTORS | WITHOUT_STRIDES | {"dtype": (dtype,)}) for dtype in FACTORS["dtype"]]
THIRDS = 3
START = 2.0  # what stands in a gradient that is added to


@lru_cache(maxsize=4096)
def posed(case, values, dtype, *sizes):
    """Operands, a gradient of y, and the exact results with what each may be off. For all kernels: read-only."""
    rng = np.random.default_rng(sizes)
    some = cases.shapes(case, *sizes)
    exactly = values == "whole" or max(sizes[3:]) >= LARGE
    draw = cases.small_integers if exactly else (lambda rng, shape: rng.normal(size=shape))
    ours = cases.operands(some, dtype, rng, draw)
    g = draw(rng, cases.y_shape(some)).astype(dtype)
    for array in (*ours.values(), g):
        if array is not None:
            array.flags.writeable = False
    if exactly:
        nothing = np.zeros(())
        whole = oracle.whole(**ours, grad_output=g)
        return ours, g, {name: oracle.Exact(value, nothing, nothing) for name, value in whole.items()}
    return ours, g, oracle.faces(**ours, grad_output=g)


def assert_right(found, exact, dtype, name, start=0.0):
    """Within the bound of the exact result; ``start``, to which it is added, is one more term."""
    assert found.dtype == dtype, name
    assert found.shape == exact.value.shape, name
    rounded = bool(exact.terms.any())
    more = exact._replace(magnitude=exact.magnitude + abs(start), terms=exact.terms + 1) if start else exact
    room = more.bound(dtype) if rounded else 0
    error = abs(found.astype(np.float64) - (exact.value + start))
    assert (error <= room).all(), f"{name}: off by {error.max()}"


def hold(kernel, case, row):
    """One use of one kernel."""
    ours, g, exact = posed(case, row["values"], row["dtype"], *(row[letter] for letter in "rskij"))
    dtype, filled = row["dtype"], row["out"] != "new"
    given = {name: laid(a, row.get(name, "plain")) for name, a in ours.items()}
    before = {name: np.array(a) for name, a in given.items() if a is not None}
    of_all = row["verb"] == "vjp"  # whose pullback gives every gradient
    wanted = [name for name in (NAMES if of_all else row["wrt"]) if ours[name] is not None]
    add = row["add"] and filled

    def memory(shape, value):
        return laid(np.full(shape, value, dtype), row["out"]) if filled else None

    out = memory(g.shape, np.nan)
    grads = nbl.BilinearGrads(**{name: memory(ours[name].shape, START if add else np.nan) for name in wanted})
    options = {"out": grads if filled else None, "accumulate": add}
    apart = row["grad_dtype"] == "other" and g.astype(OTHER[dtype]).astype(dtype).tobytes() == g.tobytes()
    grad_output = laid(g.astype(OTHER[dtype]) if apart else g, row["grad_output"])
    if of_all:
        y, pullback = nbl.bilinear_vjp(**given, backend=kernel)
        found = pullback(grad_output, **options)
    else:
        y = nbl.bilinear(**given, out=out, backend=kernel)
        assert out is None or y is out
        found = nbl.bilinear_backward(grad_output, **given, **options, wrt=wanted, backend=kernel)
    assert_right(y, exact["y"], dtype, "y")
    for name in NAMES:
        gradient = getattr(found, name)
        assert (gradient is None) == (name not in wanted), name
        if gradient is not None:
            assert not filled or gradient is getattr(grads, name)
            assert_right(gradient, exact[name], dtype, name, start=START if add else 0.0)
    for name, a in before.items():
        np.testing.assert_array_equal(given[name], a)


@pytest.mark.parametrize(("kernel", "case"), TAKEN)
def test_any_use(kernel, case):
    """Numba compiles anew for every dtype and strides: compiled kernels have one dtype a case here, and no strides."""
    hold_every_third(kernel, case, rows_for(kernel, case))


@pytest.mark.thorough
@pytest.mark.parametrize(("kernel", "case"), [one for one in TAKEN if one[0].startswith("numba")])
def test_any_use_in_any_strides(kernel, case):
    hold_every_third(kernel, case, ROWS)


def rows_for(kernel, case):
    return CONTIGUOUS[cases.NAMES.index(case) % 2] if kernel.startswith("numba") else ROWS


def hold_every_third(kernel, case, rows):
    for number, row in enumerate(rows):
        if (number + cases.NAMES.index(case)) % THIRDS == 0:
            try:
                hold(kernel, case, row)
            except Exception as error:
                error.add_note(f"row {number}: {row}")
                raise


def cut_small(monkeypatch):
    """Room for a few rows at a time, and every row of the compiled loops a chunk of its own."""
    monkeypatch.setattr(costs, "WORKSPACE_BYTES", 200)
    monkeypatch.setattr(accumulate, "WORKSPACE_BYTES", 200)
    for order in (project, left):
        monkeypatch.setattr(order, "TALL", 2)
    for bound in ("SHORTEST", "LONGEST"):
        monkeypatch.setattr(parallel, bound, 0)
    _plan.cache_clear()


@pytest.fixture
def small_blocks(monkeypatch):
    cut_small(monkeypatch)
    yield
    _plan.cache_clear()


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(("kernel", "case"), TAKEN)
def test_in_many_blocks_and_chunks(kernel, case):
    row = {"values": "normal", "dtype": "float64", "r": 5, "s": 4, "k": 3, "i": 5, "j": 7, "wrt": NAMES, "add": False}
    hold(kernel, case, row | {"grad_output": "plain", "grad_dtype": "same", "out": "plain", "verb": "apart"})
