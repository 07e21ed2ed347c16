"""What a form refuses, and that the message names every parameter."""

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear import forms

LOW = forms.LowRank(np.ones((5, 3, 2)), np.ones((5, 4, 2)))
X1, X2 = np.ones((7, 3)), np.ones((7, 4))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: forms.LowRank(np.ones((5, 3, 2)), np.ones((5, 4, 3))), r"v has r=3, another parameter r=2"),
        (lambda: forms.LowRank(np.ones((5, 3, 2)), np.ones((6, 4, 2))), "differ in the number of outputs"),
        (lambda: forms.LowRank(np.ones(3), np.ones((4, 2))), "u must end in axes i, r, got 1 axes"),
        (lambda: forms.LowRank(np.ones((2, 5, 3, 2)), np.ones((5, 4, 2))), "number of axes before their letters"),
        (lambda: forms.CP(np.ones((3, 2)), np.ones((4, 2)), np.ones((6, 5, 2))), "a shared one|one that is shared"),
        (lambda: forms.Diagonal(np.ones((3, 4), "c16")), "weight has dtype complex128; expected float32 or float64"),
        (lambda: forms.Diagonal(np.ones((3, 4), "f2")), "weight has dtype float16"),
        (lambda: forms.Sparse([1.0], [5], [0], [0], (5, 3, 4)), "k reaches from 5 to 5, expected 0 <= k < 5"),
        (lambda: forms.Sparse([1.0], [1, 2], [0, 0], [0, 0], (5, 3, 4)), "must be of one length"),
        (lambda: forms.Symmetric(np.ones((2, 3, 4))), "weight has i=4, another parameter i=3"),
    ],
)
def test_parameters(make, said):
    with pytest.raises((nbl.ShapeError, nbl.DTypeError), match=said) as refused:
        make()
    assert "float64" in str(refused.value) or "complex" in str(refused.value) or "float16" in str(refused.value)


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        (lambda: nbl.bilinear(X1[:, :2], X2, LOW), nbl.ShapeError, r"x1 has 2 features, weight expects in1=3"),
        (lambda: nbl.bilinear(X1, X2, LOW, np.ones(4)), nbl.ShapeError, "bias must end in out_features=5"),
        (lambda: nbl.bilinear(X1, X2[:5], LOW), nbl.ShapeError, "leading axes do not broadcast"),
        (
            lambda: nbl.bilinear(
                X1, X2, forms.CP(np.ones((3, 2)), np.ones((4, 2)), np.ones((5, 2))), index=np.zeros(7, int)
            ),
            nbl.ShapeError,
            r"one of a stack: a \(count, i, r\)",
        ),
        (
            lambda: nbl.bilinear(X1, X2, forms.LowRank(np.ones((1, 3, 2)), np.ones((5, 4, 2)))),
            nbl.ShapeError,
            "differ in the number of outputs; a shared one is for use with index",
        ),
        (lambda: nbl.bilinear(X1, X2, LOW, index=np.full(7, 5)), nbl.IndexRangeError, "outside the weight"),
        (lambda: nbl.bilinear(X1, X2, LOW, backend="nowhere"), nbl.BackendError, "'nowhere' is unknown"),
        (
            lambda: nbl.bilinear(X1, X2, LOW, out=np.ones((7, 4))),
            nbl.ShapeError,
            r"out has shape \(7, 4\), expected \(7, 5\)",
        ),
        (lambda: nbl.bilinear_backward(np.ones((7, 4)), X1, X2, LOW), nbl.ShapeError, "grad_output has shape"),
        (lambda: nbl.bilinear_backward(np.ones((7, 5)), X1, X2, LOW, wrt=["u"]), nbl.ConfigError, "wrt names 'u'"),
        (
            lambda: nbl.bilinear_backward(np.ones((7, 5)), X1, X2, LOW, out=nbl.BilinearGrads(weight=np.ones(3))),
            nbl.ShapeError,
            "out.weight must be LowRank",
        ),
        (
            lambda: nbl.bilinear_backward(np.ones((7, 5)), X1, X2, LOW, out=nbl.BilinearGrads(weight=LOW)),
            nbl.ShapeError,
            "shares memory with weight.u",
        ),
    ],
)
def test_calls(call, kind, said):
    with pytest.raises(kind, match=said) as refused:
        call()
    if kind is nbl.ShapeError and "out.weight must" not in said and "one of a stack" not in said:
        assert "weight.v" in str(refused.value) or "weight" in str(refused.value)


def test_bits_of_a_row_that_depend_on_others_are_refused_where_asked():
    with nbl.config(batch_invariant=True), pytest.raises(nbl.BackendError, match="depend on the rows beside"):
        nbl.bilinear(X1, X2, LOW)


def test_on_an_error_nothing_is_changed():
    out = nbl.BilinearGrads(np.ones((7, 3)), np.ones((7, 4)), LOW.map(np.ones_like), None)
    with pytest.raises(nbl.ShapeError):
        nbl.bilinear_backward(np.ones((7, 4)), X1, X2, LOW, out=out)
    assert (out.x1 == 1).all()
    assert (out.weight.parameters["u"] == 1).all()


def test_operands_are_left_alone_and_mixed_dtypes_promoted():
    form = LOW.map(lambda a: a.astype("f4"))
    y = nbl.bilinear(X1, X2.astype("f4"), form)
    assert y.dtype == np.float64
    found = nbl.bilinear_backward(y, X1, X2.astype("f4"), form)
    assert [found.x1.dtype, found.x2.dtype, found.weight.dtype] == ["f8", "f4", "f4"]
    assert (X1 == 1).all()


def test_lists_and_integers():
    assert nbl.bilinear([[1, 2]], [[3, 4]], forms.Diagonal([[1, 1]])).tolist() == [[11]]


def test_a_workspace_is_refused():
    with pytest.raises(nbl.ConfigError, match="takes no workspace"):
        nbl.bilinear_backward(np.ones((7, 5)), X1, X2, LOW, workspace=np.empty(3))
