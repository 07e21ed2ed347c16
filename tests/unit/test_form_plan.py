"""Plans of forms: flop counted by hand, the kernel that is named, and what they refuse to run."""

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear.backends.numba.simd.machine import lacks
from nbbilinear.forms import FORMS

import cases
import formed

LOW = nbl.forms.LowRank(np.ones((5, 3, 2)), np.ones((5, 4, 2)))
X1, X2 = np.ones((7, 3)), np.ones((7, 4))


def test_flop_of_low_rank():
    rows = 2 * 7 * 5 * 2
    assert nbl.plan(X1, X2, LOW).flop == rows * (3 + 4 + 1)
    assert nbl.plan(X1, X2, LOW, backward=True).flop == rows * (3 * 3 + 3 * 4 + 2)
    pairs = nbl.plan((6, 1, 3), (1, 8, 4), LOW)
    assert pairs.flop == 2 * 5 * 2 * (6 * 3 + 8 * 4 + 6 * 8)


@pytest.mark.parametrize(("form", "flop"), [
    (nbl.forms.Diagonal(np.ones((5, 3))), 7 * 2 * (3 + 15)),
    (nbl.forms.CP(np.ones((3, 2)), np.ones((3, 2)), np.ones((5, 2))), 7 * 2 * (6 + 6 + 2 + 10)),
    (nbl.forms.Full(np.ones((5, 3, 3))), 3 * 7 * 5 * 3 * 3),  # as einsum has it
    (nbl.forms.Sparse([1.0, 2.0], [0, 1], [0, 0], [1, 2], (5, 3, 3)), 7 * 3 * 2),
    (nbl.forms.Biaffine(np.ones((5, 3, 3)), np.ones((5, 3))), 7 * (3 * 45 + 2 * 15 + 5)),
])  # fmt: skip
def test_flop_of_rows(form, flop):
    assert nbl.plan((7, 3), (7, 3), form, backend="numpy/einsum").flop == flop


@pytest.mark.parametrize(("name", "case"), formed.EVERY)
def test_every_form_has_one_in_every_case(name, case):
    given = formed.operands(FORMS[name], case, "float64", np.random.default_rng(0), cases.small_integers)
    plan = nbl.plan(**given)
    assert plan.flop >= 0
    assert plan.workspace_bytes >= 0
    assert type(given["weight"]).__name__ in str(plan)
    np.testing.assert_array_equal(plan.run(**given), nbl.bilinear(**given))
    assert nbl.plan(**given, backward=True).flop >= plan.flop


@pytest.mark.skipif(lacks() is not None, reason="the kernels need vectors with fused multiply-add")
def test_the_kernel_is_named():
    form = nbl.forms.LowRank(np.ones((64, 64, 16), "f4"), np.ones((64, 64, 16), "f4"))
    assert "numba/forms.low_rank" in str(nbl.plan((256, 64), (256, 64), form))
    assert nbl.plan((256, 64), (256, 64), form, backend="numpy").kernel is None
    assert nbl.plan((256, 64), (256, 64), form, backward=True).kernel is None
    diagonal = nbl.forms.Diagonal(np.ones((1, 1000), "f4"))
    assert nbl.plan((256, 1000), (256, 1000), diagonal, backward=True).kernel == "numba/forms.diagonal"


@pytest.mark.parametrize(("call", "kind", "said"), [
    (lambda: nbl.plan(X1, X2, LOW).run(X1[:3], X2[:3], LOW), nbl.ShapeError, "not those planned for"),
    (lambda: nbl.plan(X1, X2, LOW).run(X1, X2, np.ones((5, 3, 4))), nbl.ShapeError, "planned for LowRank.*got ndarray"),
    (lambda: nbl.plan(X1, X2, LOW, backward=True).run(X1, X2, LOW), nbl.ConfigError, "is for gradients"),
    (lambda: nbl.plan((7, 2), X2, LOW), nbl.ShapeError, "x1 has 2 features"),
    (lambda: nbl.plan(X1, X2, LOW, backend="nowhere"), nbl.BackendError, "unknown"),
])  # fmt: skip
def test_refusals(call, kind, said):
    with pytest.raises(kind, match=said):
        call()
