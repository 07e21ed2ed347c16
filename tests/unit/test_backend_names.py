"""Every door reads the names of backends alike, and refuses what is no name with the names that there are."""

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear.backends import resolve
from nbbilinear.layers import CPBilinear

X, G = np.ones((3, 4)), np.ones((3, 5))
ARRAY, FORM = np.ones((5, 4, 4)), nbl.forms.CP(np.ones((4, 2)), np.ones((4, 2)), np.ones((5, 2)))
STACK, WHICH = nbl.forms.Diagonal(np.ones((2, 5, 4))), np.array([1, 0, 1])
STRIDED = np.ones((3, 8))[:, ::2]  # takes the general path


def verbs(weight):
    """Every verb that takes ``backend=``, as a function of it."""
    return {
        "bilinear": lambda name: nbl.bilinear(X, X, weight, backend=name),
        "strided": lambda name: nbl.bilinear(STRIDED, X, weight, backend=name),
        "backward": lambda name: nbl.bilinear_backward(G, X, X, weight, backend=name),
        "vjp": lambda name: nbl.bilinear_vjp(X, X, weight, backend=name),
        "pairs": lambda name: nbl.bilinear_pairs(X, X, weight, backend=name),
        "pairs backward": lambda name: nbl.bilinear_pairs_backward(np.ones((3, 3, 5)), X, X, weight, backend=name),
        "quadratic": lambda name: nbl.quadratic(X, weight, backend=name),
        "quadratic backward": lambda name: nbl.quadratic_backward(G, X, weight, backend=name),
        "plan": lambda name: nbl.plan((3, 4), (3, 4), weight, backend=name),
        "plan backward": lambda name: nbl.plan((3, 4), (3, 4), weight, backward=True, backend=name),
    }


def trained(layer, *inputs):
    """A function that calls a layer and its gradients."""

    def call():
        y, pullback = layer.vjp(*inputs)
        pullback(np.ones_like(y))

    return call


def by_setting(function):
    """The function as one of a backend's name, which ``config`` tells it."""

    def call(name):
        with nbl.config(backend=name):
            function()

    return call


LAYERS = {
    "layer": trained(nbl.Bilinear(4, 4, 5, rng=0), X, X),
    "form layer": trained(CPBilinear(4, 4, 5, rank=2, rng=0), X, X),
    "head": trained(nbl.heads.BilinearInterdependenceHead(4, 2, batch_num=3, rng=0), X),
    "loss": lambda: nbl.losses.cross_entropy(X, X),
}
DOORS = {
    **{f"{name} of an array": call for name, call in verbs(ARRAY).items()},
    **{f"{name} of a form": call for name, call in verbs(FORM).items()},
    "index of a form": lambda name: nbl.bilinear(X, X, STACK, index=WHICH, backend=name),
    **{f"config, {name}": by_setting(call) for name, call in LAYERS.items()},
    "config, bilinear": by_setting(lambda: nbl.bilinear(X, X, ARRAY)),
    "config, bilinear of a form": by_setting(lambda: nbl.bilinear(X, X, FORM)),
}
WRONG = {
    "numpyy": "backend 'numpyy' is unknown; there are 'numpy', 'numba', 'cuda', 'cupy'",
    "numpy/einsumm": "backend 'numpy' has no kernel 'numpy/einsumm'; it has .*'numpy/gemm.left'",
    "numba/simd.nonsense": "backend 'numba' has no kernel 'numba/simd.nonsense'; it has .*'numba/portable'",
    "numpy/": "backend 'numpy' has no kernel 'numpy/'; it has ",
    "": "backend '' is unknown; there are ",
    7: "backend must be a name, as 'numpy' or 'numba/portable', got 7",
}


@pytest.mark.parametrize("door", DOORS)
def test_what_is_no_name_is_refused(door):
    for name, message in WRONG.items():
        with pytest.raises(nbl.BackendError, match=message):
            DOORS[door](name)
    for name in ("numpy", "numpy/einsum", "auto", None):
        DOORS[door](name)


def test_a_form_is_refused_by_backends_of_other_arrays(monkeypatch):
    from nbbilinear import backends

    monkeypatch.setattr(backends, "backend", lambda name: backends.contract.Backend(name, (), *[None] * 4))
    with pytest.raises(nbl.BackendError, match="bilinear: backend 'cupy' has no forms; 'numpy' and 'numba' have"):
        nbl.bilinear(X, X, FORM, backend="cupy")


def test_families_and_kernels():
    assert resolve("numpy").means("numpy/einsum")
    assert resolve("numpy/gemm").means("numpy/gemm.left")
    assert not resolve("numpy/gemm").means("numpy/einsum")
    assert not resolve("numpy/gemm.left").means("numpy/gemm.outer")
