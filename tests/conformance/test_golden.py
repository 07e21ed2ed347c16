"""Recorded values: torch in float64 on the stored inputs, worked examples put right, shapes torch refuses.

`tests/golden/README.md` says how the files were made and what their keys mean.
"""

from pathlib import Path

import numpy as np
import pytest

import nbbilinear as nbl

import cases
import halves
import oracle

FILES = sorted((Path(__file__).parents[1] / "golden" / "torch").glob("*.npz"))
REAL = ("float32", "float64", "int32", "int8")
HALF = ("float16", "bfloat16")
STORED = ("x1", "x2", "weight", "bias", "grad_out")


def load(path):
    with np.load(path, allow_pickle=False) as file:
        values = dict(file)
    if str(values["dtype"]) == "bfloat16":
        values |= {name: values[name].view(halves.dtype("bfloat16")) for name in STORED if name in values}
    return values


def dtype_of(path):
    with np.load(path, allow_pickle=False) as file:
        return str(file["dtype"])


COMPUTED = [path for path in FILES if dtype_of(path) in REAL]
HALVES = [path for path in FILES if dtype_of(path) in HALF]
REFUSED = [path for path in FILES if dtype_of(path) in ("complex64", "complex128")]


def operands_of(values):
    """The operands as the file means them: one array for both inputs, pairs, or views of a parent."""
    category = str(values["category"])
    x1, x2 = (values["x"], values["x"]) if category == "aliased" else (view_of(values, "x1"), view_of(values, "x2"))
    if category == "all-pairs":
        x1, x2 = x1[..., :, None, :], x2[..., None, :, :]
    return {"x1": x1, "x2": x2, "weight": view_of(values, "weight"), "bias": view_of(values, "bias")}


def view_of(values, name):
    if f"{name}_parent" not in values:
        return values.get(name)
    unset = np.iinfo(np.int64).min
    slices = [slice(*(None if n == unset else int(n) for n in one)) for one in values[f"{name}_slices"]]
    view = values[f"{name}_parent"].transpose(values[f"{name}_perm"])[tuple(slices)]
    np.testing.assert_array_equal(view, values[name])
    return view


def kernels_for(path):
    ours = operands_of(load(path))
    for kernel in cases.kernels():
        try:
            nbl.plan(*ours.values(), backend=kernel)
        except nbl.BackendError:
            continue
        yield kernel


@pytest.mark.parametrize(
    ("path", "kernel"), [pytest.param(p, k, id=f"{p.stem}-{k}") for p in COMPUTED for k in kernels_for(p)]
)
def test_output_and_gradients(path, kernel):
    values = load(path)
    ours, dtype = operands_of(values), str(values["dtype"])
    with np.errstate(all="ignore"):
        y = nbl.bilinear(**ours, backend=kernel)
    if dtype.startswith("int"):
        np.testing.assert_array_equal(y, values["out"].astype(dtype))
        return
    g = values["grad_out"].astype(dtype)
    with np.errstate(all="ignore"):
        found = nbl.bilinear_backward(g, **ours, backend=kernel)
    results = {"y": y, **{n: a for n, a in found._asdict().items() if a is not None}}
    if str(values["category"]) == "nan-inf":
        for name, result in results.items():
            wanted = values["out" if name == "y" else f"grad_{name}"]
            np.testing.assert_array_equal(np.isfinite(result), np.isfinite(wanted))
        return
    exact = oracle.faces(**ours, grad_output=g)
    for name, result in results.items():
        key = "out" if name == "y" else f"grad_{name}"
        if key in values:
            wanted = values[key].reshape(result.shape)
            room = exact[name].bound(dtype) + exact[name].bound("float64")
            assert (abs(result - wanted) <= room).all(), name
    if str(values["category"]) == "aliased":
        room = 2 * (exact["x1"].bound(dtype) + exact["x2"].bound(dtype))
        assert (abs(found.x1 + found.x2 - values["grad_x"]) <= room).all()


def test_every_file_is_read():
    assert (len(COMPUTED), len(HALVES), len(REFUSED)) == (42, 4, 5)


@pytest.mark.parametrize(
    ("path", "kernel"), [pytest.param(p, k, id=f"{p.stem}-{k}") for p in HALVES for k in kernels_for(p)]
)
def test_half_floats_round_once_and_err_no_more_than_torch(path, kernel):
    values = load(path)
    ours, g = operands_of(values), values["grad_out"]
    y, found = nbl.bilinear(**ours, backend=kernel), nbl.bilinear_backward(g, **ours, backend=kernel)
    exact = oracle.faces(**{n: halves.widely(a) for n, a in ours.items()}, grad_output=halves.widely(g))
    for name, result in {"y": y, **found._asdict()}.items():
        key = "out" if name == "y" else f"grad_{name}"
        wanted = values[key]
        assert result.dtype == g.dtype
        error = abs(halves.widely(result) - wanted)
        assert (error <= halves.bound(exact[name], result.dtype)).all(), name
        assert error.max() / abs(wanted).max() <= values[f"torch_err_{key}"] + np.finfo(np.float32).eps, name


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_complex_is_refused_with_a_sentence(path):
    with pytest.raises(nbl.DTypeError, match="expected float32, float64, float16, bfloat16 or integers"):
        nbl.bilinear(**operands_of(load(path)))
