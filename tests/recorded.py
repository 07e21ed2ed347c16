"""The recorded files of `tests/golden/torch`, read as their README says."""

from pathlib import Path

import numpy as np

import halves

FILES = sorted((Path(__file__).parent / "golden" / "torch").glob("*.npz"))
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
