"""The bilinear layer against the oracle, and the facts of torch's own tests."""

import copy
import itertools
import math
import pickle
import threading

import numpy as np
import pytest

from nbbilinear.errors import DTypeError, LayerError, ShapeError
from nbbilinear.layers import Bilinear

from oracle import faces

DTYPES = ("float32", "float64")


def exact(x1, x2, layer, g=None):
    return faces(x1, x2, layer.weight.data, None if layer.bias is None else layer.bias.data, grad_output=g)


def assert_faces(got, x1, x2, layer, g=None):
    """Results by operand name, each within the rounding of its sum."""
    wanted = exact(x1, x2, layer, g)
    for name, array in got.items():
        assert array.shape == wanted[name].value.shape
        assert (abs(array - wanted[name].value) <= wanted[name].bound(array.dtype)).all(), name


def operands(layer, *lead, seed=0):
    rng = np.random.default_rng(seed)
    sizes = (layer.in1_features, layer.in2_features, layer.out_features)
    return [rng.uniform(-2, 2, (*lead, size)).astype(layer.weight.dtype) for size in sizes]


def collected(layer, dx):
    found = {"x1": dx.dx1, "x2": dx.dx2, "weight": layer.weight.grad}
    return found if layer.bias is None else found | {"bias": layer.bias.grad}


# What torch's own tests say.


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_forward_is_the_sum(dtype, bias, mode):
    layer = Bilinear(2, 3, 4, bias, dtype=dtype, rng=0)
    x1, x2, _ = operands(layer, 8)
    y = getattr(layer, mode)()(x1, x2)
    assert (y.shape, y.dtype) == ((8, 4), np.dtype(dtype))
    assert_faces({"y": y}, x1, x2, layer)


def test_one_row_without_batch():
    layer = Bilinear(2, 3, 4, rng=0)
    x1, x2, g = operands(layer)
    y = layer(x1, x2)
    assert y.shape == (4,)
    assert_faces({"y": y}, x1, x2, layer)
    assert_faces(collected(layer, layer.backward(g)), x1, x2, layer, g)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("sizes", [(10, 10, 8, 4), (5, 5, 10, 5), (7, 3, 1, 1), (1, 1, 1, 9), (3, 4, 5, 0)])
def test_backward_gives_four_gradients(dtype, bias, sizes):
    in1, in2, out_features, rows = sizes
    layer = Bilinear(in1, in2, out_features, bias, dtype=dtype, rng=0)
    x1, x2, g = operands(layer, rows)
    assert_faces({"y": layer(x1, x2)}, x1, x2, layer)
    assert_faces(collected(layer, layer.backward(g)), x1, x2, layer, g)


def test_transposed_inputs_are_their_copies():
    layer = Bilinear(7, 7, 5, dtype="float64", rng=0)
    rng = np.random.default_rng(1)
    x1, x2 = (rng.normal(size=(4, 7, 10)).swapaxes(1, 2) for _ in "12")
    g = rng.normal(size=(4, 5, 10)).swapaxes(1, 2)
    y = layer(x1, x2)
    assert y.shape == (4, 10, 5)
    assert_faces({"y": y}, x1, x2, layer)
    assert_faces(collected(layer, layer.backward(g)), x1, x2, layer, g)


def test_zero_bias_is_no_bias():
    layer, without = Bilinear(10, 10, 8, dtype="float64", rng=0), Bilinear(10, 10, 8, bias=False, dtype="float64")
    layer.bias.data[...] = 0
    without.weight.data[...] = layer.weight.data
    x1, x2, g = operands(layer, 4)
    for either in (layer, without):
        assert_faces({"y": either(x1, x2)}, x1, x2, without)
    mine, theirs = collected(layer, layer.backward(g)), collected(without, without.backward(g))
    del mine["bias"]
    for gradients in (mine, theirs):
        assert_faces(gradients, x1, x2, without, g)


@pytest.mark.parametrize("operand", ["x1", "x2", "weight", "bias"])
def test_gradients_are_finite_differences(operand):
    layer = Bilinear(4, 3, 2, dtype="float64", rng=0)
    x1, x2, g = operands(layer, 5)
    layer(x1, x2)
    gradient = collected(layer, layer.backward(g))[operand]
    changed = {"x1": x1, "x2": x2, "weight": layer.weight.data, "bias": layer.bias.data}[operand]
    # y is linear in each operand, so a central difference is exact but for rounding, whatever its step.
    for place in np.ndindex(*changed.shape):
        value, ends = changed[place], []
        for step in (0.5, -0.5):
            changed[place] = value + step
            ends.append(math.fsum((layer.eval()(x1, x2) * g).ravel()))
        changed[place] = value
        assert gradient[place] == pytest.approx(ends[0] - ends[1], rel=1e-12, abs=1e-12)


def test_leading_dimensions_are_rows():
    layer = Bilinear(5, 6, 8, rng=0)
    x1, x2, g = operands(layer, 2, 3)
    y = layer(x1, x2)
    assert y.shape == (2, 3, 8)
    assert_faces({"y": y.reshape(6, 8)}, x1.reshape(6, 5), x2.reshape(6, 6), layer)
    assert_faces(collected(layer, layer.backward(g)), x1, x2, layer, g)


def test_broadcast_inputs_get_gradients_of_their_shape():
    layer = Bilinear(3, 4, 2, dtype="float64", rng=0)
    x1, x2, g = operands(layer, 2, 1)[0], operands(layer, 6, seed=1)[1], operands(layer, 2, 6, seed=2)[2]
    assert_faces({"y": layer(x1, x2)}, x1, x2, layer)
    assert_faces(collected(layer, layer.backward(g)), x1, x2, layer, g)


def test_zero_weight_gives_zeros():
    layer = Bilinear(5, 10, 10, bias=False, rng=0)
    layer.weight.data[...] = 0
    x1, x2, _ = operands(layer, 5, 5)
    np.testing.assert_array_equal(layer(x1, x2), np.zeros((5, 5, 10)))


@pytest.mark.parametrize(("in1", "in2", "out_features"), [(3, 0, 2), (3, 4, 0), (3, 0, 0)])
def test_empty_sums(in1, in2, out_features):
    layer = Bilinear(in1, in2, out_features, rng=0)
    x1, x2, g = operands(layer, 7)
    np.testing.assert_array_equal(layer(x1, x2), np.broadcast_to(layer.bias.data, (7, out_features)))
    dx = layer.backward(g)
    np.testing.assert_array_equal(dx.dx1, np.zeros((7, in1)))
    np.testing.assert_array_equal(dx.dx2, np.zeros((7, in2)))
    np.testing.assert_array_equal(layer.weight.grad, np.zeros((out_features, in1, in2)))
    np.testing.assert_allclose(layer.bias.grad, g.astype(np.float64).sum(0), rtol=1e-5)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_copies_compute_the_same(copied):
    layer = Bilinear(3, 4, 5, dtype="float64", rng=0)
    x1, x2, g = operands(layer, 6)
    other = copied(layer)
    np.testing.assert_array_equal(layer(x1, x2), other(x1, x2))
    np.testing.assert_array_equal(layer.backward(g).dx1, other.backward(g).dx1)
    np.testing.assert_array_equal(layer.weight.grad, other.weight.grad)
    assert repr(layer) == repr(other)


# Casts.


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("given", ["float16", "float32", ">f8", "float64", "int8", "int64"])
def test_inputs_are_cast_to_the_parameters(dtype, given):
    layer = Bilinear(3, 4, 5, dtype=dtype, rng=0)
    x1, x2, g = ((10 * a).astype(given) for a in operands(layer, 6))
    y = layer(x1, x2)
    assert y.dtype == dtype
    x1, x2, g64 = (a.astype(dtype) for a in (x1, x2, g))
    assert_faces({"y": y}, x1, x2, layer)
    dx = layer.backward(g)
    assert {a.dtype for a in collected(layer, dx).values()} == {np.dtype(dtype)}
    assert_faces(collected(layer, dx), x1, x2, layer, g64)


def test_lists_are_inputs():
    layer = Bilinear(2, 1, 1, rng=0)
    y = layer([[1, 2]], [[0.5]])
    assert y.dtype == np.float32
    assert_faces({"y": y}, np.array([[1, 2]]), np.array([[0.5]]), layer)


@pytest.mark.parametrize(
    "bad", [np.ones((6, 3), complex), np.ones((6, 3), bool), np.array([["a"] * 3] * 6), [[1.0], [2.0, 3.0]]]
)
def test_inputs_that_cannot_be_cast(bad):
    layer = Bilinear(3, 4, 5, rng=0)
    with pytest.raises((DTypeError, ShapeError), match="x1"):
        layer(bad, np.ones((6, 4)))
    layer(np.ones((6, 3)), np.ones((6, 4)))
    with pytest.raises((DTypeError, ShapeError), match="grad_output"):
        layer.backward(bad)


# Forward, then one backward.


def test_gradients_add_up_in_place():
    layer = Bilinear(3, 4, 5, dtype="float64", rng=0)
    weight, bias = np.zeros(layer.weight.shape), np.zeros(5)
    for seed in range(3):
        x1, x2, g = operands(layer, 6, seed=seed)
        layer(x1, x2)
        arrays = layer.weight.grad, layer.bias.grad
        dx = layer.backward(g)
        want = exact(x1, x2, layer, g)
        weight, bias = weight + want["weight"].value, bias + want["bias"].value
        assert_faces({"x1": dx.dx1, "x2": dx.dx2}, x1, x2, layer, g)
        np.testing.assert_allclose(layer.weight.grad, weight, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(layer.bias.grad, bias, rtol=1e-12, atol=1e-13)
        if seed:
            assert (layer.weight.grad is arrays[0], layer.bias.grad is arrays[1]) == (True, True)


@pytest.mark.parametrize("given", ["weight", "bias"])
def test_one_gradient_may_be_none(given):
    layer = Bilinear(3, 4, 5, dtype="float64", rng=0)
    x1, x2, g = operands(layer, 6)
    getattr(layer, given).grad = np.ones(getattr(layer, given).shape)
    layer(x1, x2)
    layer.backward(g)
    want = exact(x1, x2, layer, g)
    for name in ("weight", "bias"):
        grad = getattr(layer, name).grad
        np.testing.assert_allclose(grad, want[name].value + (name == given), rtol=1e-12, atol=1e-13)


def test_inputs_are_kept_by_reference_and_not_modified():
    layer = Bilinear(3, 4, 5, dtype="float64", rng=0)
    x1, x2, g = operands(layer, 6)
    copies = x1.copy(), x2.copy()
    layer(x1, x2)
    np.testing.assert_array_equal((x1, x2)[0], copies[0])
    x1 *= 2  # the documented trap: the gradient sees the change
    assert_faces(collected(layer, layer.backward(g)), 2 * copies[0], copies[1], layer, g)
    np.testing.assert_array_equal(x2, copies[1])


def test_second_forward_replaces_the_inputs():
    layer = Bilinear(3, 4, 5, dtype="float64", rng=0)
    layer(*operands(layer, 9)[:2])
    x1, x2, g = operands(layer, 6, seed=1)
    layer(x1, x2)
    assert_faces(collected(layer, layer.backward(g)), x1, x2, layer, g)


def never(layer, x1, x2, g):
    pass


def twice(layer, x1, x2, g):
    layer(x1, x2)
    layer.backward(g)


def evaluated(layer, x1, x2, g):
    layer.eval()(x1, x2)


def put_into_eval(layer, x1, x2, g):
    layer(x1, x2)
    layer.eval().train()


def converted(layer, x1, x2, g):
    layer(x1, x2)
    layer.to(dtype="float32")


@pytest.mark.parametrize("history", [never, twice, evaluated, put_into_eval, converted])
def test_backward_without_inputs(history):
    layer = Bilinear(3, 4, 5, dtype="float64", rng=0)
    x1, x2, g = operands(layer, 6)
    history(layer, x1, x2, g)
    grads = [None if p.grad is None else p.grad.copy() for p in layer.parameters()]
    with pytest.raises(LayerError, match=r"Bilinear\.backward has no inputs: call the layer in training mode first"):
        layer.backward(g)
    for parameter, grad in zip(layer.parameters(), grads, strict=True):
        np.testing.assert_array_equal(parameter.grad, grad)


def test_failed_calls_change_nothing():
    layer = Bilinear(3, 4, 5, dtype="float64", rng=0)
    x1, x2, g = operands(layer, 6)
    layer(x1, x2)
    layer.backward(g)
    layer(x1, x2)
    held = layer.weight.grad.copy(), layer.bias.grad.copy()
    for bad in (g[:5], g[:, :4], g[0], np.zeros((6, 6)), g * 1j):
        with pytest.raises((ShapeError, DTypeError)):
            layer.backward(bad)
    for first, second in ((x1[:4], x2), (x2, x1), (x1, x2 * 1j)):
        with pytest.raises((ShapeError, DTypeError)):
            layer(first, second)
    np.testing.assert_array_equal(layer.weight.grad, held[0])
    np.testing.assert_array_equal(layer.bias.grad, held[1])
    layer.zero_grad()
    assert_faces(collected(layer, layer.backward(g)), x1, x2, layer, g)


def test_gradient_of_a_wrong_shape_stays():
    layer = Bilinear(3, 4, 5, dtype="float64", rng=0)
    x1, x2, g = operands(layer, 6)
    layer.weight.grad = np.zeros((5, 4, 3))
    layer(x1, x2)
    with pytest.raises(ShapeError):
        layer.backward(g)
    assert layer.bias.grad is None
    np.testing.assert_array_equal(layer.weight.grad, np.zeros((5, 4, 3)))
    layer.zero_grad()
    layer.backward(g)


def test_the_same_array_twice_gives_both_gradients():
    layer = Bilinear(3, 3, 2, dtype="float64", rng=0)
    x, _, g = operands(layer, 6)
    layer(x, x)
    assert_faces(collected(layer, layer.backward(g)), x, x, layer, g)


# vjp.


def test_vjp_is_pure_and_repeatable():
    layer = Bilinear(3, 4, 5, rng=0)
    kept = operands(layer, 2)
    layer(*kept[:2])
    pulls = []
    for seed, rows in itertools.product((1, 2), (6, 3)):
        x1, x2, g = operands(layer, rows, seed=seed)
        y, pullback = layer.vjp(x1, x2)
        assert_faces({"y": y}, x1, x2, layer)
        pulls.append((pullback, g, x1, x2))
    for pullback, g, x1, x2 in (*pulls, *reversed(pulls)):
        grads = pullback(g.astype(np.float64))
        assert {a.dtype for a in grads} == {np.dtype(np.float32)}
        assert_faces(grads._asdict(), x1, x2, layer, g)
    assert (layer.weight.grad, layer.bias.grad) == (None, None)
    assert_faces(collected(layer, layer.backward(kept[2])), *kept[:2], layer, kept[2])


def test_vjp_without_bias_and_in_eval():
    layer = Bilinear(3, 4, 5, bias=False, rng=0).eval()
    x1, x2, g = operands(layer, 6)
    grads = layer.vjp(x1, x2)[1](g)
    assert grads.bias is None
    assert_faces({name: getattr(grads, name) for name in ("x1", "x2", "weight")}, x1, x2, layer, g)


def test_vjp_from_several_threads():
    layer = Bilinear(3, 4, 5, dtype="float64", rng=0)
    results = {}

    def work(seed):
        x1, x2, g = operands(layer, 40, seed=seed)
        for _ in range(20):
            results[seed] = layer.vjp(x1, x2)[1](g)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, grads in results.items():
        x1, x2, g = operands(layer, 40, seed=seed)
        assert_faces(grads._asdict(), x1, x2, layer, g)
