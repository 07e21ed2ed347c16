"""Kernels that are no vector kernels, and the drivers of vector kernels: lines of their loops."""

from functools import cache, partial

import numpy as np
import pytest
from conformance import test_bound, test_determinism, test_exact, test_product, test_special

import nbbilinear as nbl

import cases
from ..bugs import lines


@cache
def conformance(kernel, structure="rows"):
    """The check of a kernel: conformance, as it is, on the cases that are of this structure."""
    return partial(_conformance, kernel, structure)


def _conformance(kernel, structure):
    taken = [case for one, case in cases.taken() if one == kernel and _structure(kernel, case) == structure]
    for case in taken:
        test_product.hold_every_third(kernel, case, test_product.rows_for(kernel, case))
    for case in taken:
        with pytest.MonkeyPatch.context() as patch:
            test_product.cut_small(patch)
            test_product.test_in_many_blocks_and_chunks(kernel, case)
    if structure == "rows":
        with np.errstate(all="ignore"):
            _of_rows(kernel)


def _structure(kernel, case):
    some = cases.shapes(case)
    return nbl.plan(*some[:4], index=some.index, backend=kernel).chosen.kernel.structure


def _of_rows(kernel):
    test_determinism.test_again_is_the_same(kernel)
    test_special.test_agrees_where_all_orders_of_the_product_agree(kernel)
    test_special.test_stays_in_its_row_and_its_output(kernel, np.nan)
    test_special.test_zero_times_infinity_is_nan(kernel)
    test_special.test_subnormals_are_kept(kernel, "float64")
    test_bound.check(kernel, "float64", "wide", 4, 5)
    if cases.takes(kernel, "rows", "int64"):
        test_exact.test_integers_wrap(kernel, "int8")


ROWS, PAIRS = "numba.portable.rows", "numba.portable.pairs"
OUTER_LOOPS = "numba.simd.outer"
PROJECT, LEFT, OUTER, GEMM_PAIRS = "gemm.project", "gemm.left", "gemm.outer", "gemm.pairs"
PAIR_LOOPS = "numba.simd.pairs"
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
    (PAIR_LOOPS, "if which is None else bias[which[block.rows]]", "if which is None else bias[0 * which[block.rows]]"),
    (PAIR_LOOPS, "accumulate or block.m.start > 0", "accumulate"),
    (PAIR_LOOPS, "c_order=order, add=accumulate or times > 1", "c_order=order, add=times > 1"),
    (PAIR_LOOPS, "accumulate or which is not None or block.rows.start > 0", "accumulate or which is not None"),
    (PAIR_LOOPS, "        return g.strides[2], None, False", "        return g.strides[1], None, False"),
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
    (OUTER_LOOPS, "bias = absent(out.dtype, 2) if bias is None else bias", "bias = absent(out.dtype, 2)"),
    (OUTER_LOOPS, "dx1, dx2, None, None, workspace, accumulate)", "dx1, dx2, None, None, workspace, False)"),
    (OUTER_LOOPS, "weight_gradient.clear_unused(dweight, found)", "pass"),
    (OUTER_LOOPS, "weight_gradient.clear_unused(dbias, found)", "pass"),
    (OUTER_LOOPS, "which is not None, accumulate)\n    tasks", "which is not None, False)\n    tasks"),
]  # fmt: skip
CHECKED = {  # kernel and structure
    ROWS: ("numba/portable", "rows"), PAIRS: ("numba/portable", "pairs"), PAIR_LOOPS: ("numba/simd", "pairs"),
    OUTER_LOOPS: ("numba/simd.outer", "rows"), PROJECT: ("numpy/gemm.project", "rows"),
    GEMM_PAIRS: ("numpy/gemm.project", "pairs"), LEFT: ("numpy/gemm.left", "rows"), OUTER: ("numpy/gemm.outer", "rows"),
}  # fmt: skip

BUGS = lines([(*bug, *CHECKED[bug[0]]) for bug in LINES], conformance, "backends.")
