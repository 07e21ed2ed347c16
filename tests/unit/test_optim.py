"""Optimisers: rows, whole steps, refusals, states."""

import tracemalloc

import numpy as np
import pytest

from nbbilinear.errors import CheckpointError, ConfigError, DTypeError, IndexRangeError, ShapeError
from nbbilinear.layers import Parameter
from nbbilinear.optim import SGD, Adagrad, Adam

KINDS = {
    "plain": (SGD, {}),
    "momentum": (SGD, {"momentum": 0.9}),
    "nesterov": (SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    "dampening": (SGD, {"momentum": 0.9, "dampening": 0.5}),
    "adam": (Adam, {"weight_decay": 0.1}),
    "adagrad": (Adagrad, {"weight_decay": 0.1, "lr_decay": 0.1}),
}
kinds = pytest.mark.parametrize(("kind", "options"), KINDS.values(), ids=KINDS)


def table(rows=8, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    parameter = Parameter(rng.normal(size=(rows, 3)).astype(dtype), "table")
    parameter.grad = rng.normal(size=(rows, 3)).astype(dtype)
    return parameter


def snapshot(optimizer):
    return [p.data.copy() for p in optimizer.parameters], optimizer.state_dict()


def assert_unchanged(optimizer, before):
    data, state = snapshot(optimizer)
    for now, then in zip(data, before[0], strict=True):
        np.testing.assert_array_equal(now, then)
    assert state.keys() == before[1].keys()
    for key, array in state.items():
        np.testing.assert_array_equal(array, before[1][key])


# Rows.


def slow_sgd(rows, grads_of, touched, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    """SGD of touched rows, one number at a time."""
    velocity = [[0.0] * len(row) for row in rows]
    for step, chosen in enumerate(touched):
        for r in sorted(set(chosen)):
            for c in range(len(rows[r])):
                g = grads_of[step][r][c] + weight_decay * rows[r][c]
                if momentum:
                    velocity[r][c] = g if step == 0 else momentum * velocity[r][c] + (1 - dampening) * g
                    g = g + momentum * velocity[r][c] if nesterov else velocity[r][c]
                rows[r][c] -= lr * g
    return rows


@pytest.mark.parametrize("name", ["plain", "momentum", "nesterov", "dampening"])
def test_sgd_of_rows(name):
    kind, options = KINDS[name]
    rng = np.random.default_rng(3)
    parameter, touched, grads = table(), rng.integers(0, 6, (20, 4)), rng.normal(size=(20, 8, 3))
    want = slow_sgd(parameter.data.tolist(), grads.tolist(), touched.tolist(), lr=0.1, **options)
    optimizer = kind([parameter], lr=0.1, **options)
    for rows, grad in zip(touched, grads, strict=True):
        parameter.grad = grad
        optimizer.step(touched={parameter: rows})
    np.testing.assert_allclose(parameter.data, want, rtol=0, atol=1e-13)


@kinds
def test_only_touched_rows_are_read_and_written(kind, options):
    parameter, alone = table(), table()
    rest = [0, 1, 3, 4, 6, 7]
    parameter.data[rest] = parameter.grad[rest] = np.nan
    optimizer, reference = kind([parameter], lr=0.1, **options), kind([alone], lr=0.1, **options)
    state = optimizer.state_dict()
    optimizer.load_state_dict({key: a if key == "0.step" else np.full_like(a, np.nan) for key, a in state.items()})
    for step in range(3):
        fresh = {key: a.copy() for key, a in optimizer.state_dict().items()}
        if step == 0:
            for key in fresh.keys() - {"0.step"}:
                fresh[key][[2, 5]] = 0
            optimizer.load_state_dict(fresh)
        optimizer.step(touched={parameter: [2, 5]})
        reference.step(touched={alone: [2, 5]})
    np.testing.assert_array_equal(parameter.data[[2, 5]], alone.data[[2, 5]])
    np.testing.assert_array_equal(alone.data[rest], table().data[rest])
    assert not np.array_equal(alone.data[[2, 5]], table().data[[2, 5]])
    assert np.isnan(parameter.data[rest]).all()
    for key, array in optimizer.state_dict().items():
        if key != "0.step":
            assert np.isnan(array[rest]).all()
            assert np.isfinite(array[[2, 5]]).all()


@kinds
@pytest.mark.parametrize(
    "rows", [[5, 2, 5, 5], (2, 5), [[5], [2]], np.array([5, 2], np.uint8), [-3, 5, 2, -6]], ids=str
)
def test_order_repeats_shape_and_sign_are_harmless(kind, options, rows):
    parameter, reference = table(), table()
    one, other = kind([parameter], lr=0.1, **options), kind([reference], lr=0.1, **options)
    for _ in range(2):
        one.step(touched={parameter: rows})
        other.step(touched={reference: np.array([2, 5])})
    np.testing.assert_array_equal(parameter.data, reference.data)
    assert_unchanged(one, snapshot(other))


def test_small_index_types_reach_far_tables():
    parameter = table(300)
    before = parameter.data.copy()
    SGD([parameter], lr=0.1).step(touched={parameter: np.array([-1], np.int8)})
    np.testing.assert_array_equal(parameter.data[:-1], before[:-1])
    np.testing.assert_allclose(parameter.data[-1], before[-1] - 0.1 * parameter.grad[-1])


@kinds
def test_no_rows_are_a_step_without_change(kind, options):
    parameter = table()
    optimizer = kind([parameter], lr=0.1, **options)
    before = snapshot(optimizer)
    optimizer.step(touched={parameter: []})
    assert optimizer.state_dict()["0.step"] == 1
    optimizer.load_state_dict(optimizer.state_dict() | {"0.step": 0})
    assert_unchanged(optimizer, before)


@kinds
def test_parameters_not_named_are_updated_whole(kind, options):
    named, whole, alone = table(), table(seed=1), table(seed=1)
    optimizer, reference = kind([named, whole], lr=0.1, **options), kind([alone], lr=0.1, **options)
    for _ in range(3):
        optimizer.step(touched={named: [1]})
        reference.step()
    np.testing.assert_array_equal(whole.data, alone.data)
    np.testing.assert_array_equal(named.data[2:], table().data[2:])


@kinds
def test_temporaries_are_of_the_rows(kind, options):
    parameter = Parameter(np.zeros((100_000, 16)))
    parameter.grad = np.ones_like(parameter.data)
    optimizer = kind([parameter], lr=0.1, **options)
    optimizer.step(touched={parameter: [0]})
    tracemalloc.start()
    optimizer.step(touched={parameter: np.arange(50)})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * 50 * 16 * 8 + 20_000  # a few blocks of rows beside Python's own objects; the table has 12.8 MB


# Whole steps.


@kinds
def test_updates_are_in_place_and_keep_their_dtype(kind, options):
    parameter = table(dtype=np.float32)
    data = parameter.data
    optimizer = kind([parameter], lr=0.1, **options)
    optimizer.lr = np.float64(0.1)
    grad = parameter.grad.copy()
    optimizer.step()
    optimizer.step(touched={parameter: [1, 2]})
    assert parameter.data is data
    assert data.dtype == np.float32
    assert {a.dtype for key, a in optimizer.state_dict().items() if key != "0.step"} <= {np.dtype(np.float32)}
    np.testing.assert_array_equal(parameter.grad, grad)


@kinds
def test_a_numpy_learning_rate_computes_in_the_parameters_dtype(kind, options):
    parameters = [table(200, dtype=np.float32) for _ in range(2)]
    optimizers = [kind([parameter], lr=0.1, **options) for parameter in parameters]
    optimizers[0].lr = np.float64(0.1)
    for optimizer in optimizers:
        optimizer.step()
    np.testing.assert_array_equal(*(parameter.data for parameter in parameters))


@kinds
def test_parameters_without_gradient_are_skipped(kind, options):
    parameter, other = table(), table(seed=1)
    optimizer = kind([parameter, other], lr=0.1, **options)
    parameter.grad = None
    before = optimizer.state_dict()
    optimizer.step()
    optimizer.step(touched={parameter: [0]})
    np.testing.assert_array_equal(parameter.data, table().data)
    for key, array in optimizer.state_dict().items():
        if key.startswith("0."):
            np.testing.assert_array_equal(array, before[key])
    assert optimizer.state_dict()["1.step"] == 2


@kinds
@pytest.mark.parametrize("shape", [(), (0, 3), (1,)])
def test_any_shape_is_a_parameter(kind, options, shape):
    parameter, reference = Parameter(np.ones(shape)), Parameter(np.ones((5, 3)))
    one, other = (kind([p], lr=0.1, **options) for p in (parameter, reference))
    for step in range(3):
        for p in (parameter, reference):
            p.grad = np.full(p.shape, step + 0.5)
        one.step()
        other.step()
    np.testing.assert_allclose(parameter.data, np.full(shape, reference.data[0, 0]), rtol=1e-15)


def test_strided_parameters():
    base = np.zeros((6, 8))
    parameter = Parameter(base[::2, ::-2].T)
    parameter.grad = np.ones((4, 3))
    SGD([parameter], lr=1.0, momentum=0.5).step(touched={parameter: [1]})
    assert (base == 0).sum() == 48 - 3
    assert (parameter.data[1] == -1).all()


def test_learning_rate_may_change():
    parameter = Parameter(np.zeros(2))
    optimizer = SGD([parameter], lr=1.0)
    parameter.grad = np.ones(2)
    optimizer.step()
    optimizer.lr = 0.25
    optimizer.step()
    np.testing.assert_array_equal(parameter.data, [-1.25, -1.25])


def test_first_adam_step_is_the_sign():
    parameter = Parameter(np.zeros(3))
    optimizer = Adam([parameter], lr=0.1, eps=0.0)
    parameter.grad = np.array([1e-5, -3.0, 1e5])
    optimizer.step()
    np.testing.assert_allclose(parameter.data, [-0.1, 0.1, -0.1], rtol=1e-14)


def test_zero_grad():
    parameters = [table(), table(seed=1)]
    optimizer = SGD(parameters)
    optimizer.zero_grad()
    assert [p.grad for p in parameters] == [None, None]


def test_anything_with_data_and_gradient_is_trained():
    class Own:
        data, grad = np.zeros(2), np.ones(2)

    own = Own()
    SGD([own], lr=1.0).step()
    np.testing.assert_array_equal(own.data, [-1, -1])


# Refusals.


def read_only(parameter):
    parameter.data.setflags(write=False)


def other_grad(grad):
    def change(parameter):
        parameter.grad = grad

    return change


def replaced(parameter):
    parameter.data = np.ones((9, 3))
    parameter.grad = np.ones((9, 3))


@kinds
@pytest.mark.parametrize(
    ("change", "error"),
    [
        (read_only, ConfigError),
        (other_grad(np.ones((3, 8))), ShapeError),
        (other_grad(np.ones(3)), ShapeError),
        (other_grad([1.0]), ShapeError),
        (other_grad(np.ones((8, 3)) * 1j), DTypeError),
    ],
)
def test_a_faulty_parameter_leaves_all_unchanged(kind, options, change, error):
    good, bad = table(), table(seed=1)
    optimizer = kind([good, bad], lr=0.1, **options)
    optimizer.step()
    change(bad)
    before = snapshot(optimizer)
    for touched in (None, {good: [1]}, {good: [1], bad: [1]}):
        with pytest.raises(error, match="table"):
            optimizer.step(touched)
        assert_unchanged(optimizer, before)


def test_replaced_data_need_a_new_optimizer():
    parameter = table()
    optimizer = SGD([parameter], momentum=0.9)
    replaced(parameter)
    with pytest.raises(ShapeError, match="momentum must have the shape of data"):
        optimizer.step()


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([0, 8], IndexRangeError),
        ([8, 3, 0], IndexRangeError),
        ([3, -9, 1], IndexRangeError),
        ([0.0, 1.0], DTypeError),
        ([True, False], DTypeError),
        (["a"], DTypeError),
        (None, DTypeError),
    ],
)
def test_rows_without_meaning_leave_all_unchanged(rows, error):
    good, bad = table(), table(seed=1)
    optimizer = Adam([good, bad])
    before = snapshot(optimizer)
    with pytest.raises(error, match="table"):
        optimizer.step(touched={bad: rows})
    assert_unchanged(optimizer, before)


def test_rows_of_what_has_none():
    scalar, stranger = Parameter(1.0), table()
    scalar.grad = np.ones(())
    optimizer = SGD([scalar])
    with pytest.raises(ShapeError, match="has no rows"):
        optimizer.step(touched={scalar: [0]})
    with pytest.raises(ConfigError, match="touched must name parameters of this optimizer, got Parameter"):
        optimizer.step(touched={stranger: [0]})
    assert scalar.data == 1


# States.


@kinds
def test_training_goes_on_from_a_state(kind, options):
    grads = np.random.default_rng(0).normal(size=(20, 8, 3))
    whole, parts = table(), table()
    optimizer, first = kind([whole], lr=0.1, **options), kind([parts], lr=0.1, **options)
    for step, grad in enumerate(grads):
        whole.grad = parts.grad = grad
        if step == 10:
            state, data = first.state_dict(), parts.data.copy()
            first.step()  # goes for nothing: the state taken before is a copy
            parts.data[...] = data
            first = kind([parts], lr=0.1, **options)
            first.load_state_dict(state)
        optimizer.step()
        first.step()
    np.testing.assert_array_equal(whole.data, parts.data)
    assert_unchanged(first, snapshot(optimizer))


def test_state_names():
    assert list(SGD([table(), table()]).state_dict()) == ["0.step", "1.step"]
    assert list(Adagrad([table()]).state_dict()) == ["0.step", "0.sum"]
    assert list(Adam([table()]).state_dict()) == ["0.step", "0.first_moment", "0.second_moment"]


def test_faulty_states_list_every_fault_and_change_nothing():
    parameters = [table(), table(seed=1)]
    optimizer = Adam(parameters)
    optimizer.step()
    before = snapshot(optimizer)
    state = {key: array + 1 for key, array in optimizer.state_dict().items()}
    del state["1.step"]
    faulty = state | {"0.first_moment": np.ones((3, 8)), "1.second_moment": np.ones((8, 3)) * 1j, "2.step": 1}
    with pytest.raises(CheckpointError) as caught:
        optimizer.load_state_dict(faulty)
    for fault in (
        "1.step is missing",
        "2.step is unexpected",
        "0.first_moment has shape (3, 8), expected (8, 3)",
        "1.second_moment has dtype complex128",
    ):
        assert fault in str(caught.value)
    assert_unchanged(optimizer, before)


@pytest.mark.parametrize("step", [-1, 1.0, [1, 2], "1", None])
def test_steps_are_counts(step):
    optimizer = Adam([table()])
    before = snapshot(optimizer)
    with pytest.raises(CheckpointError, match=r"0\.step must be a whole number >= 0"):
        optimizer.load_state_dict(optimizer.state_dict() | {"0.step": step, "0.first_moment": np.ones((8, 3))})
    assert_unchanged(optimizer, before)
