"""Recorded values: torch in float64 on the stored inputs, worked examples put right, shapes torch refuses.

`tests/golden/README.md` says how the files were made and what their keys mean.
"""

from functools import lru_cache

import numpy as np
import pytest

import nbbilinear as nbl

import cases
import halves
import oracle
from recorded import COMPUTED, HALVES, REFUSED, load, operands_of


def kernels_for(path):
    ours = operands_of(load(path))
    for kernel in cases.kernels():
        try:
            nbl.plan(*ours.values(), backend=kernel)
        except nbl.BackendError:
            continue
        yield kernel


@lru_cache(maxsize=128)
def exact_of(path):
    """Exact results for the operands of a file; for all kernels."""
    values = load(path)
    ours, g = operands_of(values), values["grad_out"]
    if path in HALVES:
        return oracle.faces(**{n: halves.widely(a) for n, a in ours.items()}, grad_output=halves.widely(g))
    return oracle.faces(**ours, grad_output=g.astype(str(values["dtype"])))


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
    exact = exact_of(path)
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
    exact = exact_of(path)
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
