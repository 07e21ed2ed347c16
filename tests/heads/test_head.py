"""What a head promises beyond its formula: context, masks, modes, dtypes, states, configs, and what it refuses."""

import copy
import json
import pickle

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear import heads
from nbbilinear.errors import BackendError, CheckpointError, ConfigError, DTypeError, LayerError, ShapeError
from nbbilinear.heads import (
    BilinearInterdependenceHead,
    BilinearInterdependenceLayer,
    InterdependenceHead,
    LowRank,
    Taylor,
    Transformer,
)
from nbbilinear.layers import BatchNorm, Layer, LayerGrads, ReLU

import device
import halves

NORM = BatchNorm(4)
ALL_ON = {
    "with_lorr_interdependence": True, "with_dual_lphm": True, "enable_bias": True, "with_residual": True,
    "with_batch_norm": True, "with_dropout": True, "channel_num": 2,
}  # fmt: skip


def rows(count, m=6, seed=0):
    return np.random.default_rng(seed).normal(size=(count, m))


def head(m=6, n=4, **options):
    return BilinearInterdependenceHead(m, n, **{"dtype": "float64", "rng": 0} | options)


@pytest.mark.parametrize("zeros", ["rows", "keep"])
def test_with_a_context_a_result_is_its_own_rows(zeros):
    made, x, context = head(mask_zeros=zeros, with_residual=True).eval(), rows(5), rows(9, seed=1)
    together = made(x, context=context)
    for b in range(5):
        np.testing.assert_allclose(made(x[b : b + 1], context=context)[0], together[b], rtol=1e-12)
    np.testing.assert_allclose(made(x, context=x), made(x), rtol=1e-12)
    assert abs(made(x[:1]) - made(x)[:1]).max() > 1e-3  # and without one it is not


def test_rows_permute_with_the_batch():
    made, x, order = head(with_residual=True), rows(7), np.random.default_rng(0).permutation(7)
    np.testing.assert_allclose(made(x[order]), made(x)[order], rtol=1e-12)


@pytest.mark.parametrize("make", [
    head, lambda: Transformer([6, 5, 4], dtype="float64", rng=0),
    lambda: Transformer([6, 9, 9, 4], width=2, outputs=["softmax"], dtype="float64", rng=0),
    lambda: head(attribute_interdependence="low_rank", batch_num=6),
])  # fmt: skip
def test_masked_rows_may_hold_anything(make):
    made, x, mask = make().eval(), rows(6), np.array([True, True, False, True, False, True])
    other = np.where(mask[:, None], x, np.nan)
    (y, pullback), (want, pull) = (made.vjp(one, mask=mask) for one in (other, np.where(mask[:, None], x, 0)))
    np.testing.assert_array_equal(y, want)
    grads, right = (one(rows(6, 4, seed=3)) for one in (pullback, pull))
    assert (grads.x[~mask] == 0).all()
    np.testing.assert_array_equal(grads.x[mask], right.x[mask])
    for name, grad in grads.parameters.items():
        np.testing.assert_array_equal(grad, right.parameters[name], err_msg=name)
    if made.row_count is None:
        np.testing.assert_allclose(made(x, mask=mask)[mask], made(x[mask]), rtol=1e-12)


@pytest.mark.parametrize("mask_zeros", ["rows", "scores", "keep"])
def test_a_mask_for_each_row(mask_zeros):
    made, x = head(mask_zeros=mask_zeros), rows(5)
    own = made(x, mask=np.eye(5, dtype=bool))
    for b in range(5):
        np.testing.assert_allclose(own[b], made(x[b : b + 1])[0], rtol=1e-12)


@pytest.mark.parametrize("mask_zeros", ["rows", "scores"])
def test_rows_of_zeros_are_padding(mask_zeros):
    made, x = head(enable_bias=True, outputs=[], mask_zeros=mask_zeros), rows(6)
    x[[1, 4]] = 0
    there = [0, 2, 3, 5]
    y, pullback = made.vjp(x)
    np.testing.assert_allclose(y[there], made(x[there]), rtol=1e-12)
    np.testing.assert_array_equal(y[[1, 4]], np.broadcast_to(made.b.data, (2, 4)))
    assert (pullback(rows(6, 4))[0][[1, 4]] == 0).all()


def test_a_score_of_zero_counts_unless_asked():
    """Rows at right angles under W score exactly 0: tinyBIG drops them, a mask of rows does not."""
    made = head(2, 1, outputs=[], interdependence="full")
    made.w_instance_interdependence.data[:] = np.eye(2).reshape(1, 4)
    made.w.data[:] = 1
    x = np.array([[1.0, 0.0], [0.0, 1.0]])
    alone = InterdependenceHead.from_config(made.to_config(), mask_zeros="scores")
    alone.load_state_dict(made.state_dict())
    np.testing.assert_allclose(made(x), [[1.0], [1.0]])
    np.testing.assert_array_equal(alone.vjp(2 * x)[0], [[2.0], [2.0]])
    r = np.exp(1.0) / (np.exp(1.0) + 1)
    made.w.data[:] = [[1.0, 0.0]]
    np.testing.assert_allclose(made(x), [[r], [1 - r]])


def test_one_row_and_none():
    for options in ({}, {"with_taylor": True}, {"with_residual": True, "enable_bias": True, "channel_num": 3}):
        made = head(**options)
        y, pullback = made.vjp(rows(1))
        assert y.shape == (1, 4)
        assert (pullback(np.ones((1, 4))).parameters["w_instance_interdependence"] == 0).all()
        y, pullback = made.vjp(rows(0))
        grads = pullback(np.empty((0, 4)))
        assert y.shape == (0, 4)
        assert grads.x.shape == (0, 6)
        assert all((grad == 0).all() for grad in grads.parameters.values())


def test_after_eval_batch_norm_and_dropout_stand_still():
    made, x = head(**ALL_ON), rows(8)
    made(x)
    first, second = made(x), made(x)
    assert (first != second).any()  # dropout draws
    made.eval()
    state = made.state_dict()
    np.testing.assert_array_equal(made(x), made(x))
    np.testing.assert_allclose(made(x[:1]).sum(), 1)  # one row, with batch norm
    assert all((state[name] == a).all() for name, a in made.state_dict().items())
    with pytest.raises(LayerError):
        made.backward(np.ones((8, 4)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int64"])
@pytest.mark.parametrize("make", [
    lambda kind: head(outputs=[], enable_bias=True, dtype=kind),
    lambda kind: BilinearInterdependenceLayer(6, 4, 2, shared=False, dtype=kind, rng=0),
    lambda kind: Transformer([6, 9, 4], with_dropout=False, dtype=kind, rng=0),
])  # fmt: skip
@pytest.mark.parametrize("parameters", ["float32", "float64"])
def test_dtypes(parameters, make, dtype):
    kind, made = halves.dtype(dtype) if dtype in ("float16", "bfloat16") else np.dtype(dtype), make(parameters)
    x, context = (2 * rows(5)).round().astype(kind), rows(7, seed=1)
    y, pullback = made.vjp(x, context=context)
    kept = kind if dtype in ("float16", "bfloat16") else np.dtype(parameters)
    grads = pullback(np.ones((5, 4), kept))
    assert y.dtype == grads.x.dtype == kept
    assert grads.context.dtype == parameters  # that of its own operand
    wide, pull = copy.deepcopy(made).vjp(x.astype(parameters), context=context)
    np.testing.assert_array_equal(y, wide.astype(kept))  # rounded once
    for name, grad in pull(np.ones((5, 4))).parameters.items():  # and nothing on the way back
        assert grads.parameters[name].dtype == parameters
        np.testing.assert_array_equal(grads.parameters[name], grad, err_msg=name)


def test_gradients_of_a_context():
    made, x, context = head(), rows(5), rows(7, seed=1)
    y, pullback = made.vjp(x, context=context)
    g, v, step = rows(5, 4, seed=2), rows(7, seed=3), 1e-6
    moved = [made.vjp(x, context=context + sign * step * v)[0] for sign in (1, -1)]
    np.testing.assert_allclose(
        (pullback(g).context * v).sum(), ((moved[0] - moved[1]) * g).sum() / (2 * step), rtol=1e-6
    )
    assert made.vjp(x)[1](g).context is None
    np.testing.assert_allclose(y, made(x, context=context), rtol=0)


@pytest.mark.parametrize("make", [
    lambda **options: head(**ALL_ON, **options),
    lambda **options: head(interdependence="hm", transform=Taylor(3), normalization="row", scale="divide", **options),
    lambda **options: head(batch_num=5, attribute_interdependence=LowRank(2), fusion="sum", outputs=[], **options),
    lambda **options: BilinearInterdependenceLayer(6, 4, width=2, shared=False, **options),
    lambda **options: BilinearInterdependenceLayer(6, 4, width=3, enable_bias=True, **options),
    lambda **options: Transformer([6, 5, 4], [7, 8], width=2, **options),
])  # fmt: skip
def test_configs_and_states_make_the_same_again(make):
    made, x = make(dtype="float64", rng=1), rows(5)
    made(x)  # batch norm has seen something
    config = json.loads(json.dumps(made.to_config()))
    again = type(made).from_config(config, rng=2)
    assert again.to_config() == config
    assert again.state_dict().keys() == made.state_dict().keys()
    again.load_state_dict(made.state_dict())
    want = made.eval()(x)
    np.testing.assert_array_equal(again.eval()(x), want)
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        np.testing.assert_array_equal(other(x), want)
    assert made.to(dtype="float32")(x).dtype == np.float32
    assert all(a.dtype == np.float32 for a in made.state_dict().values())  # the running statistics too


@pytest.mark.parametrize("make", [
    lambda: head(**ALL_ON), lambda: BilinearInterdependenceLayer(6, 4, width=2, shared=False, dtype="float64", rng=0),
    lambda: Transformer([6, 5, 4], dtype="float64", rng=0),
])  # fmt: skip
def test_every_parameter_is_trained(make):
    made, x = make(), rows(8)
    before = {name: p.data.copy() for name, p in made.named_parameters()}
    optimizer = nbl.optim.SGD(made.parameters(), lr=0.5)
    for step in range(3):
        made.zero_grad()
        loss = nbl.losses.mse(made(x), rows(8, 4, seed=step))
        made.backward(loss.grad)
        optimizer.step()
    still = [name for name, p in made.named_parameters() if (p.data == before[name]).all()]
    assert all(name.rpartition(".")[2] == "b" for name in still)  # before batch norm it has no gradient
    assert any("batch_norm.weight" in name for name in before) or "w_head_fusion" in before


@pytest.mark.parametrize("width", [1, 3])
def test_a_shared_head_counts_as_often_as_it_stands_there(width):
    one = BilinearInterdependenceLayer(6, 4, width=width, dtype="float64", rng=0, with_softmax=False)
    each = BilinearInterdependenceLayer.from_config(one.to_config(), shared=False)
    each.load_state_dict(one.state_dict())
    x, g = rows(5), rows(5, 4, seed=1)
    (y, pull), (other, pull_other) = one.vjp(x, context=x), each.vjp(x, context=x)
    np.testing.assert_allclose(y, other, rtol=1e-12)
    found, want = pull(g), pull_other(g)
    for a, b in ((found.x, want.x), (found.context, want.context)):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)
    summed = sum(want.parameters[f"heads.{place}.w"] for place in range(width))
    np.testing.assert_allclose(found.parameters["heads.0.w"], summed, rtol=1e-12)
    np.testing.assert_allclose(found.parameters["w_head_fusion"], want.parameters["w_head_fusion"], rtol=1e-12)


def test_heads_side_by_side():
    layer, x, g = (
        BilinearInterdependenceLayer(6, 4, 3, shared=False, dtype="float64", rng=0),
        rows(5),
        rows(5, 4, seed=1),
    )
    y, pullback = layer.vjp(x)
    parts = np.concatenate([one(x) for one in layer.heads], axis=1)
    matrix = layer.w_head_fusion.data.reshape(4, 12)
    np.testing.assert_allclose(y, parts @ matrix.T, rtol=1e-12)
    grads = pullback(g)
    np.testing.assert_allclose(grads.parameters["w_head_fusion"], (g.T @ parts).reshape(1, -1), rtol=1e-12)
    each = [one.vjp(x)[1](part) for one, part in zip(layer.heads, np.split(g @ matrix, 3, axis=1), strict=True)]
    np.testing.assert_allclose(grads.x, sum(one.x for one in each), rtol=1e-12)
    for place, one in enumerate(each):
        np.testing.assert_allclose(grads.parameters[f"heads.{place}.w"], one.parameters["w"], rtol=1e-12)


def test_gradients_of_a_stack_with_a_context():
    """Both ways into it: through the batch, and through what the context becomes in each layer."""
    made = Transformer([6, 9, 9, 3], outputs=["batch_norm"], scale="multiply", dtype="float64", rng=1).eval()
    x, context, g, step = rows(4), rows(7, seed=1), rows(4, 3, seed=2), 1e-6
    _, pullback = made.vjp(x, context=context)
    grads = pullback(g)
    for name, found in {"x": grads.x, "context": grads.context, **grads.parameters}.items():
        given = {"x": x, "context": context}
        v = np.random.default_rng(5).normal(size=found.shape)
        values = []
        for sign in (1, -1):
            own = copy.deepcopy(made)
            moved = dict(given)
            if name in given:
                moved[name] = given[name] + sign * step * v
            else:
                dict(own.named_parameters())[name].data += sign * step * v
            values.append((own.vjp(**moved)[0] * g).sum())
        slope, size = (values[0] - values[1]) / (2 * step), (abs(found) * abs(v)).sum()
        assert abs((found * v).sum() - slope) <= 1e-6 * size + 1e-9, name
        assert size > 1e-5, name


class Double(Layer):
    def vjp(self, x):
        return 2 * x, lambda g: LayerGrads(2 * g, {})


def test_layers_of_ones_own_as_outputs():
    with pytest.raises(ConfigError, match="would be part of several heads"):
        BilinearInterdependenceLayer(6, 4, 2, shared=False, outputs=[NORM])
    with pytest.raises(ConfigError, match="would be part of several heads"):
        Transformer([6, 4, 4], outputs=[NORM])
    made = head(outputs=["relu", Double(), ReLU()])
    np.testing.assert_array_equal(made(rows(5)), 2 * head(outputs=["relu"])(rows(5)))
    with pytest.raises(ConfigError, match="a config can name the outputs batch_norm, relu, dropout, softmax, not"):
        made.to_config()


@pytest.mark.parametrize("make", [
    lambda: head(with_taylor=True, **ALL_ON | {"with_dropout": False}),
    lambda: BilinearInterdependenceLayer(6, 4, width=2, shared=False, dtype="float64", rng=0),
    lambda: Transformer([6, 9, 4], with_dropout=False, dtype="float64", rng=0),
])  # fmt: skip
@pytest.mark.parametrize("place", device.PLACES)
def test_arrays_of_a_device_stay_there(place, make):
    with device.installed(place) as cupy:
        made, x, context, g = make(), rows(5), rows(7, seed=2), rows(5, 4, seed=1)
        state, mask = made.state_dict(), np.arange(7) != 3
        y, pullback = copy.deepcopy(made).vjp(x, context=context, mask=mask)
        made.to("cuda").initialize_parameters(1)
        made.load_state_dict(state)
        there, pull = made.vjp(cupy.asarray(x), context=cupy.asarray(context), mask=cupy.asarray(mask))
        found, want = pull(cupy.asarray(g)), pullback(g)
        np.testing.assert_allclose(there.get(), y, rtol=1e-12)
        for one, other in ((found.x, want.x), (found.context, want.context)):
            np.testing.assert_allclose(one.get(), other, rtol=1e-9)
        for name, grad in want.parameters.items():
            np.testing.assert_allclose(found.parameters[name].get(), grad, rtol=1e-9, atol=1e-14)
        with pytest.raises(BackendError, match="the others not"):
            made(x)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channel_num": 0}, "channel_num must be a whole number >= 1, got 0"),
        ({"r_interdependence": 0, "with_lorr_interdependence": True}, "LowRank: rank must be a whole number >= 1"),
        ({"with_taylor": True, "d": 0}, "Taylor: degree must be a whole number >= 1"),
        ({"interdependence": "fulll"}, "interdependence must be one of full, low_rank, dual_lphm, lphm, hm"),
        ({"interdependence": {"kind": "low_rank", "r": 2}}, "interdependence 'low_rank' has the options rank; got r"),
        ({"interdependence": "full", "with_lorr_interdependence": True}, "say it twice; leave one out"),
        ({"transform": "fourier"}, "transform must be one of identity, taylor"),
        ({"normalization": "columns"}, "normalization must be one of column, row, row_column, got 'columns'"),
        ({"remainder": "identity"}, "remainder must be one of zero, linear"),
        ({"fusion": "max"}, "fusion must be one of mean, sum"),
        ({"outputs": ["gelu"]}, "outputs must be layers, or of batch_norm"),
        ({"outputs": [{"kind": "relu", "p": 1}]}, "outputs must be layers, or of batch_norm"),
        ({"scale": "multiplied"}, "scale must be one of multiply, divide, or a finite number > 0"),
        ({"scale": 0.0}, "scale must be one of multiply, divide, or a finite number > 0, got 0.0"),
        ({"mask_zeros": True}, "mask_zeros must be one of rows, scores, keep, got True"),
        ({"parameters_init_method": "xavier"}, "parameters_init_method must be one of xavier_normal"),
        ({"attribute_interdependence": "full"}, "give batch_num"),
        ({"with_dropout": True, "p": 1.5}, "p must be a number from 0 to 1, got 1.5"),
        ({"layout": "kron", "with_dual_lphm": True}, "layout must be one of kronecker, tinybig"),
        ({"rng": "seed"}, "rng must be an int"),
        ({"layout": "kron"}, "layout must be one of kronecker, tinybig"),
        ({"outputs": ["relu"], "with_batch_norm": True}, "say it twice; leave one out"),
        ({"outputs": "relu"}, "outputs must be a sequence, got 'relu'"),
        ({"outputs": 3}, "outputs must be a sequence, got 3"),
        ({"outputs": [{"kind": ["relu"]}]}, "outputs must be layers, or of batch_norm"),
        ({"outputs": [{"kind": "softmax", "axis": 5}]}, "which has no axis 5"),
        ({"outputs": [NORM, "relu", NORM]}, "twice, whose gradients would have one name"),
        ({"l": 5}, "l of tinyBIG is not taken: lengths follow from m, n and the parts"),
    ],
)
def test_arguments_that_have_no_meaning(options, message):
    with pytest.raises(ConfigError, match=message):
        head(**options)


def test_sizes_and_dtypes_that_have_no_meaning():
    for sizes in ((0, 4), (6, -1)):
        with pytest.raises(ShapeError, match="must be > 0"):
            head(*sizes)
    with pytest.raises(DTypeError, match="float32 or float64"):
        head(dtype="float16")
    for dims, fc in (([6], None), ([6, 5, 4], [3]), (6, None)):
        with pytest.raises(ConfigError, match="dims must be two sizes or more, and fc_dims one less"):
            Transformer(dims, fc)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"x": rows(5, 7)}, ShapeError, r"x must be \(rows, 6\)"),
        ({"x": rows(5)[None]}, ShapeError, r"x must be \(rows, 6\)"),
        ({"x": rows(5)[0]}, ShapeError, r"x must be \(rows, 6\)"),
        ({"context": rows(5, 7)}, ShapeError, r"context must be \(rows, 6\)"),
        ({"mask": np.ones(4, bool)}, ShapeError, r"mask must be \(5,\) or \(5, 5\)"),
        ({"mask": np.ones(5)}, DTypeError, "mask must be of bool"),
        ({"x": rows(5) + 0j}, DTypeError, "x must be of real numbers"),
        ({"x": np.full((5, 6), "a")}, DTypeError, "x must be of real numbers"),
        ({"context": np.ones((5, 6), bool)}, DTypeError, "context must be of real numbers"),
    ],
)
def test_operands_that_do_not_fit(given, error, message):
    made = head(enable_bias=True)
    y = made(rows(5))
    with pytest.raises(error, match=message):
        made(**{"x": rows(5)} | given)
    made.backward(np.ones_like(y))  # what was kept still is
    attribute = head(batch_num=4, attribute_interdependence="full")
    with pytest.raises(ShapeError, match=r"must have batch_num=4 rows"):
        attribute(rows(5))
    with pytest.raises(ShapeError, match=r"mask must be \(4,\)"):
        attribute(rows(4), mask=np.ones((4, 4), bool))
    with pytest.raises(ShapeError, match=r"mask must be \(5,\)"):
        Transformer([6, 4])(rows(5), mask=np.ones((5, 5), bool))
    assert head(batch_num=4)(rows(5)).shape == (5, 4)  # without attributes it has no meaning, as in tinyBIG


def test_on_an_error_statistics_stand_still():
    stack = Transformer([6, 9, 4], dtype="float64", rng=0)
    stack.blocks[2] = Refusing()
    for made in (head(outputs=["batch_norm", Refusing()]), stack):
        before = made.state_dict()
        with pytest.raises(ZeroDivisionError):
            made(rows(5), context=rows(7))
        assert all((a == before[name]).all() for name, a in made.state_dict().items())


class Refusing(Layer):
    def vjp(self, x):
        raise ZeroDivisionError


def test_padding_is_padding_in_every_layer():
    made, x = Transformer([6, 9, 9, 4], outputs=["softmax"], dtype="float64", rng=0).eval(), rows(5)
    padded = np.concatenate([x, np.zeros((3, 6))])
    np.testing.assert_allclose(made(padded)[:5], made(x), rtol=1e-12)


def test_a_gradient_that_does_not_fit_changes_nothing():
    made = head(**ALL_ON)
    made(rows(5))
    with pytest.raises(ShapeError, match="grad_output must have the shape of the result"):
        made.backward(np.ones((5, 3)))
    assert all(p.grad is None for p in made.parameters())
    made.backward(np.ones((5, 4)))


class Halved(heads.Full):
    def expanded(self, w, rows, columns):
        found = super().expanded(w / 2, rows, columns)
        return found._replace(pull=lambda left, right: left.reshape(w.shape) / 2)


def test_parts_of_ones_own():
    made, plain = head(interdependence=Halved()), head(scale=1.0)
    np.testing.assert_allclose(made(rows(5)), plain(rows(5)), rtol=1e-12)  # sqrt(4) / 2
    with pytest.raises(ConfigError, match=r"a config can name the parts full, .* not Halved\(\)"):
        made.to_config()


def test_numbers_of_numpy_are_numbers():
    made = head(interdependence=LowRank(np.int64(2)), transform=Taylor(np.int32(2)), scale=np.float32(0.5))
    assert json.loads(json.dumps(made.to_config()))["interdependence"] == {"kind": "low_rank", "rank": 2}
    assert json.loads(json.dumps(Transformer(np.array([6, 4, 3])).to_config()))["dims"] == [6, 4, 3]
    with pytest.raises(AttributeError):
        made.scale = 3.0


def test_the_layout_is_that_of_weights_by_name_too():
    for given in ("dual_lphm", {"kind": "dual_lphm", "rank": 2}):
        assert head(interdependence=given, layout="tinybig").attention.interdependence.layout == "tinybig"
        assert head(reconciliation=given).attention.reconciliation.layout == "kronecker"
    given = {"kind": "lphm", "layout": "tinybig"}
    assert head(interdependence=given).attention.interdependence.layout == "tinybig"


def test_outputs_keep_their_width():
    with pytest.raises(ShapeError, match=r"outputs must keep the shape \(5, 4\)"):
        head(outputs=[nbl.Linear(4, 5)])(rows(5))


def test_states_of_the_original_load():
    """Batch norm is not in them: strictly that is refused by name, else reported."""
    made = head(**ALL_ON)
    state = {name: a for name, a in made.state_dict().items() if not name.startswith("outputs.")}
    with pytest.raises(CheckpointError, match=r"outputs\.batch_norm\.running_mean is missing"):
        made.load_state_dict(state)
    report = made.load_state_dict(state, strict=False)
    assert len(report.missing) == 4
    assert not report.unexpected + report.mismatched
    assert set(state) == {"w_instance_interdependence", "w", "b", "w_remainder"}


@pytest.mark.parametrize("method", ["xavier_normal", "xavier_uniform", "kaiming_uniform", "fanout_std_uniform"])
def test_initial_values_have_the_spread_they_should(method):
    made = head(60, 50, enable_bias=True, with_residual=True, parameters_init_method=method, rng=3)
    fans = {"w_instance_interdependence": (3600, 1), "w": (3000, 1), "b": (50, 1), "w_remainder": (60, 50)}
    for name, (fan_in, fan_out) in fans.items():
        variance = {
            "xavier_normal": 2 / (fan_in + fan_out), "xavier_uniform": 2 / (fan_in + fan_out),
            "kaiming_uniform": 1 / 3 / (3000 if name == "b" else fan_in), "fanout_std_uniform": 1 / 3 / 50,
        }[method]  # fmt: skip
        data = getattr(made, name).data
        assert abs(data.var() / variance - 1) < 6 / np.sqrt(data.size), name
    before = made.w.data.copy()
    made.initialize_parameters(5)
    assert (made.w.data != before).all()


@pytest.mark.parametrize("make", [
    lambda: BilinearInterdependenceLayer(6, 30, 2, shared=False, dtype="float64", rng=0),
    lambda: Transformer([6, 30, 4], dtype="float64", rng=0),
])  # fmt: skip
def test_layers_and_stacks_are_drawn_anew(make):
    made = make()
    state = made.state_dict()
    made.initialize_parameters(5)
    drawn = {name for name, a in made.state_dict().items() if (a != state[name]).any()}
    assert {name for name in state if "batch_norm" not in name} == drawn
    for name, a in made.state_dict().items():
        if name.endswith("w_head_fusion"):
            assert abs(a.var() * (a.size + 1) / 2 - 1) < 6 / np.sqrt(a.size)
            assert abs(a).max() <= np.sqrt(6 / (a.size + 1))
    with pytest.raises(ConfigError, match="rng must be an int"):
        made.initialize_parameters("seed")
