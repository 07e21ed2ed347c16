"""What torch's own tests hold `nn.functional.bilinear` to, sample by sample, and what it refuses."""

from itertools import product

import numpy as np
import pytest

import nbbilinear as nbl

import cases
import oracle

SAMPLES = list(product([(3, 4, 5), (8, 8, 8)], [(), (0,), (8,), (2, 3)], [True, False]))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize(("features", "batch", "with_bias"), SAMPLES)
def test_sample(features, batch, with_bias, dtype):
    in1, in2, out = features
    rng = np.random.default_rng(0)
    shapes = (*batch, in1), (*batch, in2), (out, in1, in2), (out,)
    x1, x2, weight, bias = (rng.uniform(-2, 2, shape).astype(dtype) for shape in shapes)
    before = [a.copy() for a in (x1, x2, weight, bias)]
    with np.errstate(over="ignore"):  # the compiled loops wrap in silence; as plain Python they warn
        y = nbl.bilinear(x1, x2, weight, bias if with_bias else None)
    exact = oracle.faces(x1, x2, weight, bias if with_bias else None)["y"]
    assert y.shape == (*batch, out)
    assert y.dtype == dtype
    room = 0 if np.dtype(dtype).kind in "iu" else exact.bound(dtype)
    want = exact.value.astype(np.int64).astype(dtype) if np.dtype(dtype).kind in "iu" else exact.value
    assert (abs(y.astype(float) - want.astype(float)) <= room).all()
    for now, then in zip((x1, x2, weight, bias), before, strict=True):
        np.testing.assert_array_equal(now, then)
    swapped = [np.asfortranarray(a) for a in (x1, x2, weight)]
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(nbl.bilinear(*swapped, bias if with_bias else None), y, rtol=1e-5, atol=1e-5)


def test_empty_batch_has_zero_gradients_of_full_shape():
    x1, x2, weight, bias = np.ones((0, 3)), np.ones((0, 4)), np.ones((5, 3, 4)), np.ones(5)
    found = nbl.bilinear_backward(np.ones((0, 5)), x1, x2, weight, bias)
    assert [a.shape for a in found] == [(0, 3), (0, 4), (5, 3, 4), (5,)]
    assert not found.weight.any()
    assert not found.bias.any()


def test_no_outputs():
    x1, x2, weight = np.ones((6, 3)), np.ones((6, 4)), np.ones((0, 3, 4))
    assert nbl.bilinear(x1, x2, weight).shape == (6, 0)
    found = nbl.bilinear_backward(np.ones((6, 0)), x1, x2, weight)
    assert (found.x1 == 0).all()
    assert (found.x2 == 0).all()
    assert found.weight.shape == (0, 3, 4)


def test_zero_features_are_an_empty_sum():
    y = nbl.bilinear(np.ones((2, 0)), np.ones((2, 4)), np.ones((3, 0, 4)), np.array([1.0, 2.0, 3.0]))
    assert y.tolist() == [[1, 2, 3]] * 2
    found = nbl.bilinear_backward(y, np.ones((2, 0)), np.ones((2, 4)), np.ones((3, 0, 4)), np.ones(3))
    assert found.bias.tolist() == [2, 4, 6]
    assert not found.x2.any()


def test_zero_weight_of_transposed_batches():
    y = nbl.bilinear(np.ones((5, 5, 5)), np.ones((5, 5, 10)), np.zeros((10, 5, 10)))
    np.testing.assert_array_equal(y, np.zeros((5, 5, 10)))


def test_an_expanded_view_sums_its_gradient_in_its_base():
    rng = np.random.default_rng(1)
    base, x2, weight = rng.normal(size=(1, 3)), rng.normal(size=(4, 5)), rng.normal(size=(2, 3, 5))
    g = rng.normal(size=(4, 2))
    whole = nbl.bilinear_backward(g, np.broadcast_to(base, (4, 3)), x2, weight)
    np.testing.assert_allclose(whole.x1.sum(0), nbl.bilinear_backward(g, base, x2, weight).x1[0], atol=1e-12)


@pytest.mark.parametrize("kernel", cases.kernels())
def test_stays_finite_where_the_documented_order_does(kernel):
    """Of the three orders of a triple product each overflows for one of these; a kernel may lose one, not more."""
    big, small = np.float32(1e30), np.float32(1e-30)
    triples = [(big, small, big), (small, big, big), (big, big, small)]
    lost = 0
    with np.errstate(all="ignore"):
        for x1, x2, weight in triples:
            operands = (np.array([[v]]) for v in (x1, x2))
            y = nbl.bilinear(*operands, np.array([[[weight]]]), backend=kernel).item()
            lost += not np.isclose(y, 1e30, rtol=1e-5)
    assert lost <= 1
