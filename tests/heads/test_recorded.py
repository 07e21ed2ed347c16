"""The recorded files of tinyBIG 0.2.1, mended to run: results, what is between, gradients, the layer, a training."""

import numpy as np
import pytest

from nbbilinear import heads, losses, optim

import heads_recorded as recorded

BOUND = {"float64": 1e-10, "float32": 2e-6}
HEADS = recorded.files("head")


def close(found, want, dtype, scale=0.0):
    """Within the bound of the largest value; ``scale`` where the true value is 0 and only rounding is left."""
    want = np.asarray(want)
    assert found.shape == want.shape
    assert abs(found - want).max(initial=0) <= BOUND[dtype] * max(abs(want).max(initial=0), scale)


@pytest.mark.parametrize("mask_zeros", ["rows", "scores"])
@pytest.mark.parametrize("path", HEADS, ids=lambda path: path.stem)
def test_results_and_gradients(path, mask_zeros):
    values, options = recorded.load(path)
    dtype = options.get("dtype", "float64")
    head = recorded.head_of(values, options, mask_zeros)
    y, pullback = head.vjp(values["x"])
    assert y.dtype == dtype
    close(y, values["y"], dtype)
    grads = pullback(values["gy"])
    close(grads.x, values["grad_x"], dtype)
    names = {name for name in values if name.startswith("grad__")}
    assert names == {recorded.recorded_name(name) for name in grads.parameters}
    for name, grad in grads.parameters.items():
        # A bias before batch norm has no gradient but rounding.
        cancelled = name == "b" and options.get("with_batch_norm") and options["bn_mode"] == "train"
        close(grad, values[recorded.recorded_name(name)], dtype, scale=abs(values["gy"]).max() if cancelled else 0.0)
    if options.get("with_batch_norm"):
        for name in ("running_mean", "running_var"):
            close(head.state_dict()[f"outputs.batch_norm.{name}"], values[f"bn_{name}_after"], dtype)


@pytest.mark.parametrize("path", HEADS, ids=lambda path: path.stem)
def test_what_is_between(path):
    values, options = recorded.load(path)
    dtype = options.get("dtype", "float64")
    head = recorded.head_of(values, options)
    x, parts, p = values["x"], head.attention, head.state_dict()
    width = parts.transform.width(head.m)
    scores, _ = heads.interdependence(x, x, p["w_instance_interdependence"], parts.interdependence)
    close(scores.swapaxes(1, 2), values["A_raw"], dtype)
    counted = None if parts.zeros == "keep" else scores != 0
    mixture, _ = heads.normalize(scores, scale=parts.scale, mask=counted)
    close(mixture.swapaxes(1, 2), values["A_norm"], dtype)
    if "Psi" in values:
        close(parts.reconciliation.expand(p["w"], head.n, width), values["Psi"], dtype)
    if "W_interdependence" in values:
        whole = parts.interdependence.expand(p["w_instance_interdependence"], head.m, head.m)
        close(whole, values["W_interdependence"], dtype)
    y, _ = parts.attend(x, x, None, p)
    close(y, values["y_pre"], dtype)


@pytest.mark.parametrize("path", recorded.files("A"), ids=lambda path: path.stem)
def test_bare_interdependences(path):
    values, options = recorded.load(path)
    x, w, weight = values["x"], values["w"], recorded.weight_of(options)
    attribute = options["interdependence_type"] == "attribute"
    rows = x.T if attribute else x
    assert weight.length(rows.shape[1], rows.shape[1]) == options["l"]
    close(weight.expand(w, rows.shape[1], rows.shape[1])[0], values["W"], "float64")
    scores, pull_scores = heads.interdependence(rows, rows, w, weight)
    pull = pull_scores
    if given := options.get("normalize"):
        scores, pull_weights = heads.normalize(
            scores, given["mode"].replace("-", "_"), scale=given["rescale_factor"],
            mask=scores != 0 if given["mask_zeros"] else None,
        )  # fmt: skip
        pull = lambda grad: pull_scores(pull_weights(grad))  # noqa: E731
    a = scores[0].T
    close(a, values["A"], "float64")
    close(x @ a if attribute else a.T @ x, values["out"], "float64")

    def grads(grad_a):
        found = pull(grad_a.T[None])
        dx = found.queries + found.rows
        return (dx.T if attribute else dx), found.w

    dx, dw = grads(values["gA"])
    close(dx, values["grad_x_from_A"], "float64")
    close(dw, values["grad_w_from_A"], "float64")
    g = values["gout"]
    dx, dw = grads(x.T @ g if attribute else x @ g.T)
    close(dx + (g @ a.T if attribute else a @ g), values["grad_x_from_out"], "float64")
    close(dw, values["grad_w_from_out"], "float64")


def test_the_layer():
    values, options = recorded.load(recorded.files("layer")[0])
    (_, m), n = values["x"].shape, values["y"].shape[1]
    given = {name: options[name] for name in ("enable_bias", "with_residual")}
    layer = heads.BilinearInterdependenceLayer(m, n, options["width"], **given, layout="tinybig", dtype="float64")
    names = {"w_head_fusion": "w_head_fusion"}
    names |= {
        f"heads.{place}.{name}": f"heads_0_{name}" for place in (0, 1) for name in vars(layer.heads[0])["_inside"]
    }
    layer.load_state_dict({name: values[f"param__{there}"] for name, there in names.items()})
    y = layer(values["x"])
    close(y, values["y"], "float64")
    close(layer.backward(values["gy"]), values["grad_x"], "float64")
    for name, parameter in layer.named_parameters():
        close(parameter.grad, values[f"grad__{names[name]}"], "float64")


def test_twenty_steps_of_training():
    values, options = recorded.load(recorded.files("sgd")[0])
    (_, m), n = values["x"].shape, values["target"].shape[1]
    given = {name: options[name] for name in recorded.FLAGS if name in options}
    head = heads.BilinearInterdependenceHead(m, n, **given, layout="tinybig", dtype="float64")
    head.load_state_dict(
        {name.removeprefix("param0__"): a for name, a in values.items() if name.startswith("param0__")}
    )
    optimizer, found = optim.SGD(head.parameters(), lr=options["lr"]), []
    for step in range(options["steps"] + 1):
        loss = losses.mse(head(values["x"]), values["target"])
        found.append(loss.value)
        if step < options["steps"]:
            head.zero_grad()
            head.backward(loss.grad)
            optimizer.step()
    close(np.array(found), values["losses"], "float64")
    for name, data in head.state_dict().items():
        close(data, values[f"paramT__{name}"], "float64")


def test_every_file_is_read():
    assert [len(recorded.files(kind)) for kind in ("head", "A", "layer", "sgd")] == [30, 10, 1, 1]
