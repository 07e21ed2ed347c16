"""Whatever does not fit is refused before any work, by an error of our own that names every operand and the remedy."""

import numpy as np
import pytest

import nbbilinear as nbl

X1, X2, W, B = np.ones((7, 3)), np.ones((7, 4)), np.ones((5, 3, 4)), np.ones(5)
G = np.ones((7, 5))
W2, INDEX = np.ones((6, 3, 4)), np.zeros(7, int)


def call(**changes):
    return nbl.bilinear(**({"x1": X1, "x2": X2, "weight": W, "bias": B} | changes))


def back(**changes):
    given = {"grad_output": G, "x1": X1, "x2": X2, "weight": W, "bias": B} | changes
    return nbl.bilinear_backward(**given)


def read_only():
    out = np.zeros((7, 5))
    out.flags.writeable = False
    return out


class Lazy:
    """Stands for a dask array: knows its kind by its module."""

    __module__ = "dask.array.core"
    shape, dtype, ndim = (7, 3), np.dtype("f8"), 2


class OnDevice:
    """Stands for an array in the memory of a GPU."""

    __module__ = "jax"
    shape, dtype, ndim = (7, 3), np.dtype("f8"), 2

    def __dlpack__(self, **_):
        raise BufferError

    def __dlpack_device__(self):
        return (2, 0)


class Elsewhere(OnDevice):
    """Stands for an array in the memory of another accelerator."""

    def __dlpack_device__(self):
        return (10, 0)


class Negated(OnDevice):
    """Stands for a torch tensor whose sign is kept beside its memory."""

    __module__ = "torch"

    def is_neg(self):
        return True


class NeedsGrad(OnDevice):
    __module__ = "torch"
    requires_grad = True


SHAPES = {
    "x1 has 9 features, weight expects in1=3": lambda: call(x1=np.ones((7, 9))),
    "x2 has 9 features, weight expects in2=4": lambda: call(x2=np.ones((7, 9))),
    "leading axes do not broadcast: x1 (7,), x2 (5,)": lambda: call(x2=np.ones((5, 4))),
    "use bilinear_pairs": lambda: call(x1=np.ones((2, 3, 3)), x2=np.ones((2, 5, 4))),
    "bias must end in out_features=5, got shape (6,)": lambda: call(bias=np.ones(6)),
    "bias must end in out_features=5, got shape ()": lambda: call(bias=np.ones(())),
    "bias must end in out_features=5, got shape (5, 1)": lambda: call(bias=np.ones((5, 1))),
    "does not broadcast to y": lambda: call(bias=np.ones((3, 5))),
    "does not broadcast to y of shape (7, 5)": lambda: call(bias=np.ones((2, 7, 5))),
    "weight must be (out, in1, in2)": lambda: call(weight=np.ones(4), bias=None),
    "x1 must have a features axis": lambda: call(x1=1.0),
    "x2 must have a features axis": lambda: call(x2=np.float64(1)),
    "with index, weight must be": lambda: call(weight=np.ones((3, 4)), bias=None, index=INDEX),
    "with index, bias must have shape (6,)": lambda: call(weight=W2, bias=B, index=INDEX),
    "leading axes do not broadcast: x1 (7,), x2 (7,), index (5,)": lambda: call(weight=W2, bias=None, index=[0] * 5),
    "x1 needs a rows axis": lambda: nbl.bilinear_pairs(np.ones(3), X2, W),
    "out has shape (7, 4), expected (7, 5)": lambda: call(out=np.empty((7, 4))),
    "read-only": lambda: call(out=read_only()),
    "out shares memory with x1": lambda: nbl.bilinear(X1, X1, np.ones((3, 3, 3)), out=X1),
    "out has elements that share memory": lambda: call(
        out=np.lib.stride_tricks.as_strided(np.empty(20), (7, 5), (8, 8))
    ),
    "elements that share memory": lambda: call(out=np.lib.stride_tricks.as_strided(np.empty(5), (7, 5), (0, 8))),
    "grad_output has shape (7, 4), y has (7, 5)": lambda: back(grad_output=np.ones((7, 4))),
    "out.weight has shape (5, 4, 3)": lambda: back(out=nbl.BilinearGrads(weight=np.empty((5, 4, 3)))),
    "out.x1 shares memory with grad_output": lambda: back(
        weight=np.ones((3, 3, 4)), bias=None, grad_output=X1, out=nbl.BilinearGrads(x1=X1)
    ),
    "bilinear_pairs: operands do not fit": lambda: nbl.bilinear_pairs(X2, X2, W),
    "quadratic: operands do not fit\n  - weight must end in two axes of x's features (4,), got (3, 4)": lambda: (
        nbl.quadratic(X2, W)
    ),
    "x1 must be an array or a tuple of sizes, got (-7, 3)": lambda: nbl.plan((-7, 3), X2, W),
    "weight must be (count": lambda: call(weight=np.ones((3, 4)), bias=None, index=[5] * 7),
    "x1 was planned as (7, 3) float64": lambda: nbl.plan(X1, X2, W).run(X1[:3], X2[:3], W),
    "operands are not those planned for": lambda: nbl.plan(X1, X2, W).run(X1[:3], X2[:3], W),
    "workspace does not fit": lambda: nbl.plan(X1, X2, W).run(X1, X2, W, workspace=np.empty(10**7)),
    "bilinear_backward: workspace does not fit": lambda: nbl.bilinear_backward(G, X1, X2, W, workspace=np.empty(3)),
}
DTYPES = {
    "x1 has dtype complex64; expected float32, float64, float16, bfloat16 or integers": lambda: call(
        x1=X1.astype("c8")
    ),
    "x2 is None: an array is needed": lambda: call(x2=None),
    "out must be BilinearGrads": lambda: back(out=(X1, X2, W, B)),
    "out must be QuadraticGrads": lambda: nbl.quadratic_backward(G, X1, np.ones((5, 3, 3)), out=[X1]),
    "lazily changed torch tensor: pass x1.resolve_neg()": lambda: call(
        x1=Negated(), x2=Negated(), weight=Negated(), bias=None
    ),
    "weight has dtype complex128": lambda: call(weight=W.astype(complex)),
    "x1 has dtype bool": lambda: call(x1=X1.astype(bool)),
    "x2 has dtype object": lambda: call(x2=X2.astype(object)),
    "x1 has dtype <U": lambda: call(x1=X1.astype(str)),
    "x1 has dtype datetime64": lambda: call(x1=X1.astype("M8[s]")),
    f"x1 has dtype {np.dtype(np.longdouble)}": lambda: call(x1=X1.astype(np.longdouble)),
    "no rectangular array": lambda: call(x1=[[1, 2, 3], [1]]),
    "np.matrix": lambda: call(x1=np.ones((7, 3)).view(np.matrix)),
    "a masked array": lambda: call(x2=np.ma.masked_array(X2)),
    "index has dtype float64": lambda: call(weight=W2, bias=None, index=INDEX.astype(float)),
    "index has dtype bool": lambda: call(weight=W2, bias=None, index=INDEX.astype(bool)),
    "out has dtype float32, expected float64": lambda: call(out=np.empty((7, 5), "f4")),
    "out must be an array to fill, got list": lambda: call(out=[[0.0] * 5] * 7),
    "integers have no gradients": lambda: back(x1=X1.astype(int)),
    "grad_output has dtype complex128": lambda: back(grad_output=G * 1j),
}
BACKENDS = {
    "backend must be a name": lambda: call(backend=3),
    "has no kernel for pairs: shared 1 x rows1 7": lambda: nbl.bilinear_pairs(X1, X2, W, backend="numpy/gemm.outer"),
    "backend 'gpu' is unknown; there are 'numpy', 'numba'": lambda: call(backend="gpu"),
    "has no kernel 'numba/fast'; it has 'numba/portable'": lambda: call(backend="numba/fast"),
    "lazy dask array": lambda: call(x1=Lazy()),
    "neither the CPU nor a CUDA device": lambda: call(x1=Elsewhere(), x2=Elsewhere(), weight=Elsewhere(), bias=None),
    "operands are arrays of different libraries (jax, numpy)": lambda: call(x1=OnDevice()),
    "different libraries (jax, numpy): convert": lambda: back(grad_output=OnDevice()),
    "different libraries (jax, numpy)": lambda: call(out=OnDevice()),
    "requires grad, which would be lost": lambda: call(x1=NeedsGrad(), x2=NeedsGrad(), weight=NeedsGrad(), bias=None),
}
SETTINGS = {
    "wrt names 'w', but the operands are x1, x2, weight, bias": lambda: back(wrt=["w"]),
    "wrt names 'bias', but the operands are x1, x2, weight": lambda: back(bias=None, wrt="bias"),
    "wrt names 'y', but the operands are x, weight": lambda: nbl.quadratic_backward(G, X1, np.ones((5, 3, 3)), wrt="y"),
    "this plan is for gradients": lambda: nbl.plan(X1, X2, W, backward=True).run(X1, X2, W),
}
INDICES = {
    "reaches from 0 to 6, expected -6 <= index < 6": lambda: call(weight=W2, bias=None, index=[0, 0, 0, 6, 0, 0, 0]),
    "reaches from 0 to 18446744073709551615": lambda: call(
        weight=W2, bias=None, index=np.array([0] * 6 + [2**64 - 1], np.uint64)
    ),
    "reaches from 9 to 9": lambda: nbl.bilinear(np.ones((0, 3)), np.ones((0, 4)), W2, index=[9]),
    "reaches from -7 to 0": lambda: call(weight=W2, bias=None, index=[0, 0, 0, -7, 0, 0, 0]),
}
ALL = [
    pytest.param(kind, base, message, bad, id=message)
    for kind, base, table in (
        (nbl.ShapeError, ValueError, SHAPES), (nbl.DTypeError, TypeError, DTYPES),
        (nbl.BackendError, RuntimeError, BACKENDS), (nbl.ConfigError, ValueError, SETTINGS),
        (nbl.IndexRangeError, IndexError, INDICES),
    )
    for message, bad in table.items()
]  # fmt: skip


@pytest.mark.parametrize(("kind", "base", "message", "bad"), ALL)
def test_refused(kind, base, message, bad):
    with pytest.raises(kind) as caught:
        bad()
    assert message in str(caught.value)
    assert isinstance(caught.value, base)
    assert isinstance(caught.value, nbl.BilinearError)


def test_shape_errors_list_every_operand():
    with pytest.raises(nbl.ShapeError) as caught:
        call(x1=np.ones((7, 9), "f4"))
    text = str(caught.value)
    for line in ("x1          (7, 9)", "x2          (7, 4)", "weight      (5, 3, 4)", "bias        (5,)", "float32"):
        assert line in text


@pytest.mark.parametrize(
    "bad", [{"x1": np.ones((7, 9))}, {"weight": W2, "bias": None, "index": [9] * 7}, {"x2": np.ones((7, 4), complex)}]
)
def test_on_an_error_nothing_is_changed(bad):
    shape = (7,) if "index" in bad else (7, 5)
    out = np.full(shape, 3.0)
    with pytest.raises(nbl.BilinearError):
        call(**bad, out=out)
    np.testing.assert_array_equal(out, 3.0)
    grads = nbl.BilinearGrads(X1 * 3, X2 * 3, (W2 if "index" in bad else W) * 3)
    with pytest.raises(nbl.BilinearError):
        back(**({"bias": None, "grad_output": np.ones(shape)} | bad), out=grads)
    for filled in grads[:3]:
        np.testing.assert_array_equal(filled, 3.0)
