"""The tests tested: every kernel, broken on purpose, makes the suite fail.

Two kinds of bugs: lines of a kernel's own source changed, and wrappers that do what careless kernels do.
"""

import importlib
import inspect
import types
from functools import partial
from itertools import count

import numpy as np
import pytest
from conformance import test_bound, test_determinism, test_exact, test_layout, test_product, test_special

from nbbilinear import backends
from nbbilinear.backends.numpy import BACKEND as NUMPY

import cases

SIZES = [(3, 2, 3, 5, 7), (2, 3, 2, 4, 4), (1, 1, 1, 1, 1)]
CASES = (
    "rows", "pairs", "pairs in batches", "index, out axis", "index, one against all", "index of x2", "rows against one",
    "stacked weight of x1",
)  # fmt: skip
_numbers = count()


def suite(kernel, monkeypatch):
    """The conformance tests on one kernel, at a few sizes."""
    taken = [case for case in CASES if cases.takes(kernel, case)]
    for case in taken:
        for dtype in ("float64", "float32"):
            for seed, sizes in enumerate(SIZES if "rows" in taken else SIZES[:2]):  # the last has no pairs
                test_product.test_forward.hypothesis.inner_test(kernel, case, dtype, sizes, seed)
                test_product.test_backward.hypothesis.inner_test(kernel, case, dtype, sizes, seed)
        for wanted in (["x1"], ["x2", "bias"], ["weight"]):
            test_product.test_any_subset_of_gradients_added_to_what_is_there(kernel, case, wanted)
        test_layout.test_same_bits_as_contiguous(kernel, case, "every other")
        with monkeypatch.context() as patch:
            test_product.test_in_many_blocks_and_chunks(kernel, case, patch)
    if "rows" in taken:
        test_determinism.test_again_is_the_same(kernel)
        test_special.test_agrees_where_all_orders_of_the_product_agree(kernel)
        test_special.test_stays_in_its_row_and_its_output(kernel, np.nan)
        test_special.test_zero_times_infinity_is_nan(kernel)
        test_special.test_subnormals_are_kept(kernel, "float64")
        test_exact.test_integers_wrap(kernel, "int8")
        test_bound.test_paired_rows(kernel, "float64", "wide", 4, 5)


def register(monkeypatch, kernels, like):
    """The name of a new backend with these kernels."""
    name = f"broken{next(_numbers)}"
    found = tuple(k._replace(name=f"{name}/kernel") for k in kernels)
    monkeypatch.setitem(backends._TABLE, name, backends.Entry(name, "numpy"))
    monkeypatch.setitem(
        importlib.import_module("sys").modules, name, types.SimpleNamespace(BACKEND=like._replace(kernels=found))
    )
    return name


def caught(kernel, monkeypatch):
    with np.errstate(all="ignore"):
        try:
            suite(kernel, monkeypatch)
        except (AssertionError, IndexError, ValueError):
            return True
    return False


ROWS, PAIRS = "numba.portable.rows", "numba.portable.pairs"
SIMD_OUTER = "numba.simd.outer"
PROJECT, LEFT, OUTER, GEMM_PAIRS = "gemm.project", "gemm.left", "gemm.outer", "gemm.pairs"
SIMD_PAIRS = "numba.simd.pairs"
LINES = [  # module, what stands there, what is put in its place
    (ROWS, "y += x1[b, i] * t", "y += x1[b, i] * t * zero.dtype.type(1.001)"),
    (ROWS, "y = bias[w, k] if bias.size else zero", "y = zero"),
    (ROWS, "t += weight[w, k, i, j] * x2[b, j]", "t += weight[w, k, i, 0] * x2[b, j]"),
    (ROWS, "for j in range(x2.shape[1]):", "for j in range(x2.shape[1] // 2 * 2):"),
    (ROWS, "w = which[b] if which.size else 0", "w = 0"),
    (ROWS, "dx1[b, i] += g * t", "dx1[b, i] += t"),
    (ROWS, "dx2[b, j] += gx * weight[w, k, i, j]", "dx2[b, j] = gx * weight[w, k, i, j]"),
    (ROWS, "            if dx2.size:\n                dx2[b, :] = zero\n", ""),
    (ROWS, "for b in range(x1.shape[0]):\n            w", "for b in range(x1.shape[0] - 1):\n            w"),
    (ROWS, "k, i = k_i // x1.shape[1], k_i % x1.shape[1]", "i, k = k_i % x1.shape[1], k_i // (x1.shape[1] + 1)"),
    (ROWS, "dbias[w, k] += grad_output[b, k]", "dbias[w, k] += 0"),
    (ROWS, "        dbias[:, start:stop] = grad_output.dtype.type(0)", "        pass"),
    (PAIRS, "y += x1[s, n, i] * t[row, k, i]", "y += x1[s, n, i] * t[row, k, i] * zero.dtype.type(1.001)"),
    (PAIRS, "out[s, n, m, k] = y + bias[w, k] if bias.size else y", "out[s, n, m, k] = y"),
    (PAIRS, "s, m = (first + row) // rows2, (first + row) % rows2", "s, m = (first + row) // rows2, row % rows2 * 0"),
    (PAIRS, "total += weight[w, k, i, j] * x2[s, m, j]", "total += weight[0, k, i, j] * x2[s, m, j]"),
    (PAIRS, "dx1[s, n, i] += g * t[row, k, i]", "dx1[s, n, i] += t[row, k, i]"),
    (PAIRS, "dt[row, k, i] += g * x1[s, n, i]", "dt[row, k, i] += g * x1[s, 0, i]"),
    (PAIRS, "dx2[s, m, j] += dt[row, k, i] * weight[w, k, i, j]", "dx2[s, m, j] -= dt[row, k, i] * weight[w, k, i, j]"),
    (PAIRS, "dweight[w, k, i, j] += dt[row, k, i] * x2[s, m, j]", "dweight[w, k, i, j] = dt[row, k, i] * x2[s, m, j]"),
    (PAIRS, "dbias[w, k] += grad_output[s, n, m, k]", "dbias[w, k] += 0"),
    (PAIRS, "    dt[start:stop] = zero\n", ""),
    (SIMD_PAIRS, "if which is None else bias[which[block.rows]]", "if which is None else bias[0 * which[block.rows]]"),
    (SIMD_PAIRS, "accumulate or block.m.start > 0", "accumulate"),
    (SIMD_PAIRS, "c_order=order, add=accumulate or times > 1", "c_order=order, add=times > 1"),
    (SIMD_PAIRS, "accumulate or which is not None or block.rows.start > 0", "accumulate or which is not None"),
    (SIMD_PAIRS, "        return g.strides[2], None, False", "        return g.strides[1], None, False"),
    (PROJECT, "out += bias[0] if which is None else bias[which]", "out += bias[0]"),
    (PROJECT, 'out[rows, k] = xp.einsum("bki,bi->bk", t, x1[rows])', 'out[rows, k] = 1.001 * xp.einsum("bki,bi->bk", t, x1[rows])'),
    (PROJECT, "xp.multiply(g[:, :, None], x1[rows][:, None, :], out=t)", "xp.multiply(g[:, :1, None], x1[rows][:, None, :], out=t)"),
    (PROJECT, "    if dweight is not None and which is not None and not accumulate:\n        dweight[...] = 0\n", ""),
    (PROJECT, "                dx2[rows] = part\n", "                pass\n"),
    (PROJECT, "used, b.start, part", "which, b.start, part"),
    (PROJECT, "bias_gradient(xp, grad_output, dbias, which, accumulate)", "bias_gradient(xp, grad_output, dbias, None, accumulate)"),
    (PROJECT, "k.start == 0 and not accumulate", "not accumulate"),
    (PROJECT, "or which is not None or b.start > 0", "or which is not None"),
    (OUTER, "accumulate or b.start > 0", "accumulate"),
    (GEMM_PAIRS, "accumulate or m.start + some.start > 0", "accumulate"),
    (GEMM_PAIRS, "or which is not None or block.start > 0", "or which is not None"),
    (LEFT, "k.start == 0 and not accumulate", "not accumulate"),
    (LEFT, "accumulate or b.start > 0", "accumulate"),
    (LEFT, "    if bias is not None:\n        out += bias[0]\n", ""),
    (LEFT, "u.sum(axis=0)", "1.001 * u.sum(axis=0)"),
    (LEFT, 'xp.einsum("bk,kbj->bj", g, t)', "t.sum(axis=0)"),
    (OUTER, "        if bias is not None:\n            out[b] += bias[0]\n", ""),
    (OUTER, "matmul_into(xp, x1[b][:, None, :], z, dx2", "matmul_into(xp, 1.001 * x1[b][:, None, :], z, dx2"),
    (OUTER, "dx1[b][:, :, None], accumulate)", "dx1[b][:, :, None], False)"),
    (OUTER, "bias_gradient(xp, grad_output, dbias, which, accumulate)", "bias_gradient(xp, 2 * grad_output, dbias, which, accumulate)"),
    (GEMM_PAIRS, "xp.matmul(_columns(g, some).swapaxes(1, 2), x1[s], out=mk)", "xp.matmul(_columns(g, some).swapaxes(1, 2), 1.001 * x1[s], out=mk)"),
    (GEMM_PAIRS, "if which is None else bias[which[block]]", "if which is None else bias[which[block] * 0]"),
    (GEMM_PAIRS, "even = rows2 == 1 or out_features == 1 or", "even = True or"),
    (GEMM_PAIRS, "rows = g.sum(axis=1)", "rows = g.mean(axis=1)"),
    (GEMM_PAIRS, "accumulate or block.start > 0)", "accumulate)"),
    (SIMD_OUTER, "bias = absent(out.dtype, 2) if bias is None else bias", "bias = absent(out.dtype, 2)"),
    (SIMD_OUTER, "dx1, dx2, None, None, workspace, accumulate)", "dx1, dx2, None, None, workspace, False)"),
    (SIMD_OUTER, "weight_gradient.clear_unused(dweight, found)", "pass"),
    (SIMD_OUTER, "weight_gradient.clear_unused(dbias, found)", "pass"),
    (SIMD_OUTER, "which is not None, accumulate)\n    tasks", "which is not None, False)\n    tasks"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("module", "line", "instead"), LINES, ids=lambda v: v.strip()[:48] if isinstance(v, str) else None
)
def test_a_changed_line_is_caught(monkeypatch, module, line, instead):
    whole = importlib.import_module(f"nbbilinear.backends.{module}")
    source = inspect.getsource(whole)
    assert line in source, "the kernel has changed: change the bug with it"
    broken = types.ModuleType(f"{whole.__name__}_broken")
    broken.__package__ = whole.__name__.rpartition(".")[0]
    exec(compile(source.replace(line, instead).replace("@loops\n", ""), module, "exec"), broken.__dict__)
    place = "numba" if module.startswith("numba") else "numpy"
    here = backends.backend(place)
    bind = partial if place == "numpy" else (lambda function, _: function)
    kernels = [
        k._replace(forward=bind(broken.forward, np), backward=bind(broken.backward, np))
        for k in here.kernels
        if getattr(k.forward, "function", k.forward) is whole.forward
    ]
    assert kernels
    assert caught(register(monkeypatch, kernels, here), monkeypatch)


def after_forward(change):
    """A forward that computes and then does ``change(x1, x2, weight, bias, out)``."""

    def wrap(kernel):
        def forward(x1, x2, weight, bias, which, out, workspace):
            kernel.forward(x1, x2, weight, bias, which, out, workspace)
            change(x1, x2, weight, bias, out)

        return kernel._replace(forward=forward)

    return wrap


def before_forward(change):
    """A forward that computes with the operands ``change(x1, x2, weight)`` returns."""

    def wrap(kernel):
        def forward(x1, x2, weight, bias, which, out, workspace):
            kernel.forward(*change(x1, x2, weight), bias, which, out, workspace)

        return kernel._replace(forward=forward)

    return wrap


def after_backward(change):
    """A backward that computes and then does ``change(gradients of x1, x2, weight, bias; rows)``."""

    def wrap(kernel):
        def backward(g, x1, x2, weight, which, dx1, dx2, dweight, dbias, workspace, accumulate):
            kernel.backward(g, x1, x2, weight, which, dx1, dx2, dweight, dbias, workspace, accumulate)
            change(dx1, dx2, dweight, dbias, len(x2))

        return kernel._replace(backward=backward)

    return wrap


def nan_leaks(x1, x2, weight, bias, out):
    if np.isnan(out[2:3]).any():
        out[1] = np.nan


def exchanged(dx1, dx2, dweight, dbias, rows):
    if dx1 is not None and dx2 is not None and dx1.shape == dx2.shape:
        dx1[...], dx2[...] = dx2.copy(), dx1.copy()


def scale_bias(factor):
    def change(dx1, dx2, dweight, dbias, rows):
        if dbias is not None:
            dbias *= factor(rows)

    return change


HABITS = {
    "is right only in norm": before_forward(lambda x1, x2, w: (x1 + 1e-15 * abs(x1).max(), x2, w)),
    "transposes a square weight": before_forward(
        lambda x1, x2, w: (x1, x2, w.swapaxes(-1, -2) if w.shape[-1] == w.shape[-2] else w)
    ),
    "rounds in2 down to whole vectors": before_forward(lambda x1, x2, w: (x1, x2 * (np.arange(x2.shape[-1]) < x2.shape[-1] // 4 * 4), w)),
    "computes float64 in float32": before_forward(lambda x1, x2, w: (x1.astype("f4"), x2.astype("f4"), w.astype("f4"))),
    "skips zeros": before_forward(lambda x1, x2, w: (x1, x2, np.nan_to_num(w, nan=0, posinf=0, neginf=0) if (x1 == 0).any() else w)),
    "hides NaN": after_forward(lambda x1, x2, w, bias, out: np.nan_to_num(out, copy=False)),
    "flushes subnormals": after_forward(lambda x1, x2, w, bias, out: out.__setitem__(abs(out) < 1e-300, 0)),
    "lets NaN leak to a neighbour": after_forward(nan_leaks),
    "scales an input in place": after_forward(lambda x1, x2, w, bias, out: np.multiply(x1, 2, out=x1, casting="unsafe")),
    "sums in random order": after_forward(lambda x1, x2, w, bias, out: np.multiply(out, 1 + 4e-16 * np.random.default_rng().integers(2, size=out.shape), out=out, casting="unsafe")),
    "forgets the bias": after_forward(lambda x1, x2, w, bias, out: None if bias is None else out.__isub__(bias[0])),
    "exchanges dx1 and dx2": after_backward(exchanged),
    "doubles the bias gradient": after_backward(scale_bias(lambda rows: 2)),
    "averages the bias gradient": after_backward(scale_bias(lambda rows: 1 / rows)),
    "averages the weight gradient": after_backward(lambda dx1, dx2, dw, db, rows: None if dw is None else dw.__itruediv__(rows)),
}  # fmt: skip


@pytest.mark.parametrize("habit", HABITS)
def test_a_careless_kernel_is_caught(monkeypatch, habit):
    definition = [HABITS[habit](k) for k in NUMPY.kernels if k.name == "numpy/einsum"]
    assert caught(register(monkeypatch, definition, NUMPY), monkeypatch)


def test_an_honest_kernel_passes(monkeypatch):
    definition = [k for k in NUMPY.kernels if k.name == "numpy/einsum"]
    assert not caught(register(monkeypatch, definition, NUMPY), monkeypatch)
