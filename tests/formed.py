"""Forms for tests, from the table of forms alone: any form, in any case of leading axes."""

import numpy as np

import nbbilinear as nbl
from nbbilinear.forms import FORMS

import cases


def sizes_of(kind, seed=0, least=1):
    """Sizes of the letters of a form: small, and different where they may be."""
    letters = sorted({letter for axes in kind.axes.values() for letter in axes} | set("k".join(kind.sides)))
    rng = np.random.default_rng(seed)
    return dict(zip(letters, rng.integers(least, 4, len(letters)).tolist(), strict=True)) | dict(kind.fixed)


def sides(kind, sizes):
    return tuple(int(np.prod([sizes[letter] for letter in side])) for side in kind.sides)


def takes(kind, case):
    """Whether a form can stand in a case; those with an out axis of their own are not in the cases without."""
    return kind.may_lack_outputs or out_axis(case)


def out_axis(case):
    some = cases.shapes(case)
    return len(some.weight) >= (3 if some.index is None else 4)


def operands(kind, case, dtype, rng, values, sizes=None, rows=(3, 4)):
    """Operands of a case with a form for a weight."""
    sizes = sizes_of(kind) | {"k": 2} if sizes is None else sizes
    some = cases.shapes(case, *rows, sizes.get("k", 2), *sides(kind, sizes))
    given = cases.operands(some, dtype, rng, values)
    stack = some.weight[: -3 if out_axis(case) else -2]
    given["weight"] = kind.of(sizes, lambda shape: values(rng, shape).astype(dtype), stack, out_axis=out_axis(case))
    return given


def ones_appended(x):
    return np.concatenate([x, np.ones((*x.shape[:-1], 1), x.dtype)], axis=-1)


def expanded(given):
    """The same operands with the weight in full."""
    form = given["weight"]
    weight = form.expand()
    if given["index"] is not None:  # a stack, even where the form by itself would be read as outputs
        weight = weight.reshape(*given["weight"].shape[:-2], *weight.shape[-2:])
    if form.appends_ones:
        return given | {"weight": weight, "x1": ones_appended(given["x1"]), "x2": ones_appended(given["x2"])}
    return given | {"weight": weight}


EVERY = [(name, case) for name, kind in FORMS.items() for case in cases.NAMES if takes(kind, case)]


def product(given):
    return nbl.bilinear(**given)
