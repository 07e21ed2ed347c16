"""What every layer of one input does: gradients, what is kept, what is refused, layouts."""

import copy
import pickle
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from nbbilinear.errors import BackendError, DTypeError, LayerError, ShapeError
from nbbilinear.layers import Layer, LayerGrads, Linear, ReLU, Sequential, Sigmoid, Softmax, Tanh

MAKERS = {
    "Linear": lambda dtype: Linear(4, 3, dtype=dtype, rng=0),
    "Linear without bias": lambda dtype: Linear(4, 3, bias=False, dtype=dtype, rng=0),
    "ReLU": lambda dtype: ReLU(),
    "Sigmoid": lambda dtype: Sigmoid(),
    "Tanh": lambda dtype: Tanh(),
    "Softmax": lambda dtype: Softmax(),
    "Softmax of columns": lambda dtype: Softmax(axis=0),
    "Sequential": lambda dtype: Sequential(Linear(4, 5, dtype=dtype, rng=0), Tanh(), Linear(5, 3, dtype=dtype, rng=1)),
}
makers = pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)


def problem(maker, rows=6, seed=0, dtype="float64"):
    rng = np.random.default_rng(seed)
    layer = maker(dtype)
    x = rng.normal(size=(rows, 4)).astype(dtype)
    y = layer.vjp(x)[0]
    return layer, x, rng.normal(size=y.shape).astype(dtype)


def grads_of(layer):
    return {name: None if p.grad is None else p.grad.copy() for name, p in layer.named_parameters()}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name])


def slope(function, array, step=1e-6):
    """Central differences of a scalar function by every element, which is moved in place."""
    found = np.empty_like(array)
    for place in np.ndindex(*array.shape):
        there, ends = array[place], []
        for sign in (1, -1):
            array[place] = there + sign * step
            ends.append(function())
        array[place] = there
        found[place] = (ends[0] - ends[1]) / (2 * step)
    return found


# Gradients.


@makers
def test_gradients_are_finite_differences(maker):
    layer, x, g = problem(maker)
    layer(x)
    dx = layer.backward(g)

    def loss():
        return float((layer.vjp(x)[0] * g).sum())

    # step² of third derivatives below 10, and rounding of sums of some 20 terms over the step
    np.testing.assert_allclose(dx, slope(loss, x), rtol=0, atol=2e-8)
    for parameter in layer.parameters():
        np.testing.assert_allclose(parameter.grad, slope(loss, parameter.data), rtol=0, atol=2e-8)


@makers
def test_backward_adds_in_place(maker):
    layer, x, g = problem(maker)
    layer(x)
    dx = layer.backward(g)
    arrays = [p.grad for p in layer.parameters()]
    once = grads_of(layer)
    layer(x)
    np.testing.assert_array_equal(layer.backward(g), dx)
    assert all(p.grad is array for p, array in zip(layer.parameters(), arrays, strict=True))
    assert_same(grads_of(layer), {name: 2 * grad for name, grad in once.items()})


@makers
def test_gradients_are_nobody_elses_memory(maker):
    layer, x, g = problem(maker)
    copies = x.copy(), g.copy()
    y = layer(x)
    dx = layer.backward(g)
    found = [dx, *(p.grad for p in layer.parameters())]
    assert not any(np.shares_memory(array, other) for array in found for other in (x, g, y))
    np.testing.assert_array_equal(x, copies[0])
    np.testing.assert_array_equal(g, copies[1])


@makers
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_and_device_of_results(maker, dtype):
    layer, x, g = problem(maker, dtype=dtype)
    y = layer(x)
    dx = layer.backward(g.astype(np.float64))
    assert {a.dtype for a in (y, dx, *(p.grad for p in layer.parameters()))} == {np.dtype(dtype)}
    assert (y.shape, dx.shape) == (g.shape, x.shape)


# What is kept.


def never(layer, x, g):
    pass


def twice(layer, x, g):
    layer(x)
    layer.backward(g)


def evaluated(layer, x, g):
    layer.eval()(x)


def put_into_eval(layer, x, g):
    layer(x)
    layer.eval().train()


def converted(layer, x, g):
    layer(x)
    layer.to(dtype="float64")


def only_differentiated(layer, x, g):
    layer.vjp(x)[1](g)


@makers
@pytest.mark.parametrize("history", [never, twice, evaluated, put_into_eval, converted, only_differentiated])
def test_backward_without_inputs(maker, history):
    layer, x, g = problem(maker)
    history(layer, x, g)
    before = grads_of(layer)
    with pytest.raises(LayerError, match=rf"{type(layer).__name__}\.backward has no inputs"):
        layer.backward(g)
    assert_same(grads_of(layer), before)


@makers
def test_evaluation_gives_the_same_and_keeps_nothing(maker):
    layer, x, _ = problem(maker)
    y = layer(x)
    layer.eval()
    np.testing.assert_array_equal(layer(x), y)
    assert all(module._kept is None for module in layer.modules())


@makers
def test_a_call_in_evaluation_drops_what_was_kept(maker):
    layer, x, g = problem(maker)
    layer(x)
    layer.training = False
    layer(x)
    with pytest.raises(LayerError):
        layer.backward(g)


@makers
def test_second_call_replaces_the_first(maker):
    layer, x, g = problem(maker)
    layer(problem(maker, rows=3, seed=1)[1])
    layer(x)
    np.testing.assert_array_equal(layer.backward(g), layer.vjp(x)[1](g).x)


@makers
def test_failed_calls_change_nothing(maker):
    layer, x, g = problem(maker)
    layer(x)
    layer.backward(g)
    layer(x)
    before = grads_of(layer)
    for bad in (g[:5], g[:, :2], g[0], g.T, g.ravel(), np.zeros((6, 6)), g * 1j, g > 0, "text"):
        with pytest.raises((ShapeError, DTypeError)):
            layer.backward(bad)
    for bad in (x * 1j, x > 0, "text", [[1.0], [2.0, 3.0]], np.ma.masked_array(x), x.view(np.matrix)):
        with pytest.raises((ShapeError, DTypeError)):
            layer(bad)
    assert_same(grads_of(layer), before)
    layer.zero_grad()
    np.testing.assert_array_equal(layer.backward(g), layer.vjp(x)[1](g).x)
    assert_same(grads_of(layer), layer.vjp(x)[1](g).parameters)


@pytest.mark.parametrize("kind", ["Linear", "Sequential"])
@pytest.mark.parametrize("fault", ["shape", "scalar", "read-only", "integers"])
def test_a_gradient_that_cannot_be_added_to_stays(kind, fault):
    layer, x, g = problem(MAKERS[kind])
    last = list(layer.parameters())[-1]
    last.grad = {"shape": np.zeros(7), "scalar": 0.0, "integers": np.zeros(last.shape, int)}.get(fault, np.zeros(3))
    if fault == "read-only":
        last.grad.setflags(write=False)
    before = last.grad
    layer(x)
    with pytest.raises(ShapeError, match=r"grad of (2\.)?bias must be None, or a writable array"):
        layer.backward(g)
    assert last.grad is before
    assert all(p.grad is None for p in list(layer.parameters())[:-1])
    layer.zero_grad()
    layer.backward(g)


@makers
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_leave_what_is_kept_behind(maker, copied):
    layer, x, g = problem(maker)
    y = layer(x)
    other = copied(layer)
    assert repr(other) == repr(layer)
    with pytest.raises(LayerError):
        other.backward(g)
    np.testing.assert_array_equal(other(x), y)
    layer.backward(g)


@makers
def test_vjp_from_several_threads(maker):
    layer = maker("float64")
    results = {}

    def work(seed):
        _, x, g = problem(maker, rows=20 + seed, seed=seed)
        for _ in range(10):
            results[seed] = layer.vjp(x)[1](g)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, found in results.items():
        _, x, g = problem(maker, rows=20 + seed, seed=seed)
        pullback = layer.vjp(x)[1]
        np.testing.assert_array_equal(found.x, pullback(g).x)
        assert_same(found.parameters, pullback(g).parameters)
    assert set(grads_of(layer).values()) <= {None}


# Layouts, empty and extreme inputs, other kinds.

LAYOUTS = {
    "Fortran": np.asfortranarray,
    "every other": lambda a: np.repeat(np.repeat(a, 2, 0), 2, 1)[::2, ::2],
    "backwards": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "nested lists": lambda a: a.tolist(),
}


@makers
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_any_layout(maker, layout):
    layer, x, g = problem(maker)
    want_y, pullback = layer.vjp(x)
    want = pullback(g)
    y = layer(layout(x))
    dx = layer.backward(layout(g))
    assert {y.dtype, dx.dtype} == {np.dtype(np.float64)}
    for got, wanted in ((y, want_y), (dx, want.x), *((grads_of(layer)[n], a) for n, a in want.parameters.items())):
        np.testing.assert_allclose(got, wanted, rtol=1e-13, atol=1e-14)


@makers
@pytest.mark.parametrize("shape", [(0, 4), (2, 0, 4), (4,), (1, 1, 4), (2, 3, 5, 4)])
def test_leading_axes(maker, shape):
    layer = maker("float64")
    x = np.random.default_rng(0).normal(size=shape)
    y = layer(x)
    g = np.random.default_rng(1).normal(size=y.shape)
    dx = layer.backward(g)
    assert y.shape[:-1] == shape[:-1]
    assert dx.shape == shape
    if not (isinstance(layer, Softmax) and layer.axis == 0):
        rows = maker("float64")
        np.testing.assert_allclose(rows(x.reshape(-1, 4)), y.reshape(-1, y.shape[-1]), rtol=1e-13)
        np.testing.assert_allclose(rows.backward(g.reshape(-1, y.shape[-1])), dx.reshape(-1, 4), rtol=1e-13)
        for name, grad in grads_of(rows).items():
            np.testing.assert_allclose(grads_of(layer)[name], grad, rtol=1e-13, atol=1e-14)
            assert grad.any() == bool(x.size)


@makers
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extremes_stay_finite(maker, dtype):
    layer, x, g = problem(maker, dtype=dtype)
    x = np.sign(x) * np.array([1e4, 1, 0, 1e4], dtype)
    y = layer(x)
    assert np.isfinite(y).all()
    assert np.isfinite(layer.backward(g)).all()
    if not isinstance(layer, Linear):
        assert abs(y).max() <= (1e4 if isinstance(layer, (ReLU, Sequential)) else 1)


@makers
def test_other_libraries_are_refused(maker, monkeypatch):
    class Tensor:
        dtype, shape = np.dtype(np.float64), (6, 4)

        def __dlpack_device__(self):
            return (1, 0)

        def __dlpack__(self, **_):
            return np.ones((6, 4)).__dlpack__()

    Tensor.__module__ = "another"
    monkeypatch.setitem(sys.modules, "another", SimpleNamespace(from_dlpack=np.from_dlpack))
    with pytest.raises(BackendError, match=r"convert with np\.from_dlpack|different libraries"):
        maker("float64")(Tensor())


# A layer of one's own.


class Scale(Layer):
    def __init__(self):
        self.by = Linear(1, 1, bias=False, dtype="float64", rng=0).weight

    def vjp(self, x):
        by = self.by.data[0, 0]
        return by * x, lambda g: LayerGrads(by * g, {"by": np.array([[(g * x).sum()]])})


def test_a_new_layer_needs_only_vjp():
    layer = Sequential(Scale(), Scale())
    x = np.array([1.0, 2.0])
    layer(x)
    by = [one.by.data.item() for one in layer]
    np.testing.assert_allclose(layer.backward(np.ones(2)), np.full(2, by[0] * by[1]))
    assert layer[0].by.grad.item() == pytest.approx(3 * by[1])
    assert layer[1].by.grad.item() == pytest.approx(3 * by[0])
