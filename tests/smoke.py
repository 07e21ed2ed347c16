"""What every set of versions has to do: verbs, forms, layers, heads, stored files and commands. Run as a script."""

import platform
import tempfile
from pathlib import Path

import numba
import numpy as np

import nbbilinear as nbl
from nbbilinear import cli, forms, heads, kg, layers, losses, optim


def operands(dtype):
    rng = np.random.default_rng(0)
    return [rng.normal(size=size).astype(dtype) for size in ((9, 3), (9, 4), (5, 3, 4), (5,), (9, 5))]


def close(found, wanted, dtype):
    np.testing.assert_allclose(found, wanted, rtol=0, atol=200 * float(np.finfo(dtype).eps))


def verbs():
    """Products and gradients on the CPU's backends, against einsum."""
    for backend in ("auto", "numpy", "numba"):
        for dtype in (np.float32, np.float64):
            x1, x2, weight, bias, g = operands(dtype)
            y, pullback = nbl.bilinear_vjp(x1, x2, weight, bias, backend=backend)
            wanted = np.einsum("bi,kij,bj->bk", x1, weight, x2, dtype=np.float64) + bias
            close(y, wanted, dtype)
            close(nbl.bilinear(x1, x2, weight, bias, backend=backend), wanted, dtype)
            for grads in (pullback(g), nbl.bilinear_backward(g, x1, x2, weight, bias, backend=backend)):
                close(grads.x1, np.einsum("bk,kij,bj->bi", g, weight, x2), dtype)
                close(grads.x2, np.einsum("bk,kij,bi->bj", g, weight, x1), dtype)
                close(grads.weight, np.einsum("bk,bi,bj->kij", g, x1, x2), dtype)
                close(grads.bias, g.sum(axis=0), dtype)
            pairs = nbl.bilinear(x1[:, None], x2, weight, backend=backend)
            close(pairs, np.einsum("ni,kij,mj->nmk", x1, weight, x2), dtype)


def a_form():
    """Product and gradient of a form, against einsum."""
    x1, x2, *_ = operands(np.float64)
    rng = np.random.default_rng(1)
    a, b, c = (rng.normal(size=(size, 2)) for size in (3, 4, 5))
    form = forms.CP(a, b, c)
    close(nbl.bilinear(x1, x2, form), np.einsum("ir,jr,kr,bi,bj->bk", a, b, c, x1, x2), np.float64)
    grads = nbl.bilinear_backward(np.ones((9, 5)), x1, x2, form)
    close(grads.weight.parameters["a"], np.einsum("bi,bj,jr,kr->ir", x1, x2, b, c), np.float64)


def training():
    """A few steps of a layer: the loss falls."""
    x1, x2, *_ = operands(np.float32)
    layer = layers.Bilinear(3, 4, 5, rng=0)
    optimizer = optim.Adam(layer.parameters(), 0.05)
    labels, values = np.arange(9) % 5, []
    for _ in range(20):
        value, gradient = losses.cross_entropy(layer(x1, x2), labels)
        optimizer.zero_grad()
        layer.backward(gradient)
        optimizer.step()
        values.append(float(value))
    assert values[-1] < values[0], values


def stored(folder):
    """A model, written and read."""
    graph = kg.load("nations")
    model = kg.NamedRescal(kg.Rescal(14, 55, 2, rng=0), graph.entities, graph.relations)
    model.save(folder / "m.npz")
    again = kg.NamedRescal.load(folder / "m.npz")
    np.testing.assert_array_equal(again.model.scores([0], [1]), model.model.scores([0], [1]))
    assert again.tails("uk", "embassy") == model.tails("uk", "embassy")


def a_head():
    """A head's gradient, against a difference along one direction."""
    rng = np.random.default_rng(2)
    head = heads.InterdependenceHead(6, 3, interdependence=heads.LowRank(2), enable_bias=True, rng=0, dtype=np.float64)
    x, direction = rng.normal(size=(2, 5, 6))
    y = head(x)
    g = rng.normal(size=y.shape)
    slope = (head.backward(g) * direction).sum()
    step = 1e-6
    ahead, behind = (float((head.eval()(x + sign * step * direction) * g).sum()) for sign in (1, -1))
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=1e-6)


def commands(folder):
    """The command line."""
    assert cli.main(["info"]) == 0
    output = str(folder / "demo")
    assert cli.main(["demo", "--dataset", "nations", "--epochs", "2", "--dim", "4", "--quiet", "--output", output]) == 0


if __name__ == "__main__":
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, Numba {numba.__version__}")
    verbs()
    a_form()
    training()
    a_head()
    with tempfile.TemporaryDirectory() as temporary:
        stored(Path(temporary))
        commands(Path(temporary))
