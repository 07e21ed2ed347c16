"""Which way a call takes: contiguous arrays of NumPy of one float dtype go the short one, whatever made them."""

import pickle

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear import forms, layers

MAKERS = {
    "fresh": lambda array: array,
    "unpickled": lambda array: pickle.loads(pickle.dumps(array)),
    "of another dtype object": lambda array: array.view(array.dtype.newbyteorder("=")),
    "of a dtype with metadata": lambda array: array.view(np.dtype(array.dtype, metadata={"unit": "m"})),
}


class DetourError(Exception):
    """A call went the long way."""


@pytest.fixture(autouse=True)
def no_detour(monkeypatch):
    """Nothing may be taken in by the long way of a call."""

    def refused(verb, *operands):
        raise DetourError(verb)

    for module in ("calls", "pullback", "forms.calls"):
        monkeypatch.setattr(f"nbbilinear.{module}.take", refused)


def arrays(dtype, make=lambda array: array):
    """x1, x2, weight, bias and a gradient of y."""
    rng = np.random.default_rng(0)
    return [make(rng.normal(size=size).astype(dtype)) for size in ((6, 3), (6, 4), (5, 3, 4), (5,), (6, 5))]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("made", MAKERS)
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_functions_take_the_short_way(backend, made, dtype):
    x1, x2, weight, bias, g = arrays(dtype, MAKERS[made])
    want = np.einsum("bi,kij,bj->bk", x1, weight, x2) + bias
    y, pullback = nbl.bilinear_vjp(x1, x2, weight, bias, backend=backend)
    for got in (y, nbl.bilinear(x1, x2, weight, bias, backend=backend)):
        np.testing.assert_allclose(got, want, rtol=1e-5)
    pullback(g)
    nbl.bilinear_backward(g, x1, x2, weight, bias, backend=backend)
    index = np.zeros(6, np.int64)
    nbl.bilinear(x1, x2, weight, bias, index=MAKERS[made](index), backend=backend)


@pytest.mark.parametrize("made", MAKERS)
@pytest.mark.parametrize("weight", [None, "x1", "x2", "weight", "bias", "grad_output"])
def test_one_array_of_another_dtype_object_is_enough_to_look_at(weight, made):
    names = ("x1", "x2", "weight", "bias", "grad_output")
    given = {name: MAKERS[made](a) if name == weight else a for name, a in zip(names, arrays("float32"), strict=True)}
    nbl.bilinear_backward(**given)


@pytest.mark.parametrize("dtype", [None, "f8", "=f4", ">f8"])
@pytest.mark.parametrize("kind", [layers.Bilinear, layers.CPBilinear])
def test_layers_take_the_short_way(kind, dtype):
    more = {} if kind is layers.Bilinear else {"rank": 2}
    built = kind(3, 4, 5, dtype=dtype, rng=0, **more)
    for layer in (built, pickle.loads(pickle.dumps(built))):
        x1, x2, *_, g = arrays(layer.bias.dtype)
        layer(x1, x2)
        layer.backward(g)
        y, pullback = layer.vjp(x1, x2)
        pullback(y)
        layer.eval()(x1, x2)


def test_forms_take_the_short_way():
    x1, x2, _, bias, g = arrays("float32", MAKERS["unpickled"])
    rng = np.random.default_rng(1)
    form = forms.CP(*(MAKERS["unpickled"](rng.normal(size=(size, 2)).astype("f4")) for size in (3, 4, 5)))
    y, pullback = nbl.bilinear_vjp(x1, x2, form, bias)
    pullback(g)
    nbl.bilinear_backward(g, x1, x2, form, bias)
    np.testing.assert_array_equal(nbl.bilinear(x1, x2, form, bias), y)


@pytest.mark.parametrize(
    "change", [lambda a: a.astype(">f4"), lambda a: a.astype("f2"), lambda a: np.repeat(a, 2, axis=-1)[..., ::2]]
)
def test_other_arrays_go_the_long_way(change):
    x1, x2, weight, bias, _ = arrays("float32")
    with pytest.raises(DetourError):
        nbl.bilinear(change(x1), x2, weight, bias)
    with pytest.raises(DetourError):
        nbl.bilinear_vjp(x1, change(x2), weight, bias)
