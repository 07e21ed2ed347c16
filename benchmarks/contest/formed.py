"""Products with a form in the place of the weight: who computes them, and what is right."""

from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
import rivals
from rivals.form_programs import PROGRAMS

import nbbilinear as nbl
from benchmarks import forms

from .field import OURS, Contender

STRUCTURE = "form"
FULL = "full weight"
ROWS = 16  # whose values are checked; gradients of parameters are on a small case, where the definition has them all
SMALL = 5  # rows, and at most as many of everything else, in that case


class FormProduct(NamedTuple):
    """A case of the table of forms, in a dtype."""

    structure: str
    size: str
    dtype: str

    @property
    def terms(self):
        """Products of three factors with the weight in full: somebody computes those."""
        _, rows, in1, in2, sizes = forms.CASES[self.size]
        return rows * in1 * in2 * sizes["k"]


def products(structure, dtype):
    """Every case."""
    return [FormProduct(structure, case, dtype) for case in forms.CASES]


def warmed(product):
    """What a contender has to be warmed up for: every case is another program."""
    return product


@lru_cache(maxsize=1)
def draw(product):
    """Operands: the weight is a form."""
    return forms.operands(product.size, product.dtype)


def expected(product):
    """Seconds of a forward and a backward with the weight in full."""
    _, rows, in1, in2, sizes = forms.CASES[product.size]
    shapes = (rows, in1), (rows, in2), (sizes["k"], in1, in2)
    return sum(nbl.plan(*shapes, dtype=product.dtype, backward=back).chosen.seconds for back in (False, True))


def ours(product, names=()):
    """The library with the form, and with the weight in full."""
    return [Contender(OURS, OURS, _ours, compiles=True), Contender(FULL, FULL, _full, compiles=True)]


def others(product, names=None):
    """The rivals that are installed and have a program for the form, or those of ``names`` among them."""
    form = forms.CASES[product.size][0]
    return [
        Contender(rival.name, rival.column, partial(_theirs, rival), rival.backward)
        for rival in rivals.rivals(product.structure).values()
        if rival.is_present and form in {*PROGRAMS, "sparse"}
        and (names is None or {rival.name, rival.column, rival.package} & set(names))
    ]  # fmt: skip


def part(_, operands):
    """The same kind of form, small in every size, and few rows."""
    form = operands["weight"]
    rng, dtype = np.random.default_rng(2), form.dtype
    sizes = {letter: min(size, SMALL - place % 3) for place, (letter, size) in enumerate(sorted(form.sizes.items()))}
    sizes |= dict(form.fixed)
    given = {name: rng.integers(sizes[name], size=2 * SMALL) for name in form.given}
    small = type(form).at(sizes, lambda shape: rng.standard_normal(shape, dtype), **given)
    k, in1, in2 = small.shape
    shapes = {"x1": (SMALL, in1), "x2": (SMALL, in2), "grad_output": (SMALL, k)}
    return {"weight": small} | {name: rng.standard_normal(shape, dtype) for name, shape in shapes.items()}


def named(_, results, parameters=()):
    """Y, or y and the gradients, by name."""
    there = results if isinstance(results, tuple) else (results,)
    return dict(zip(("y", "x1", "x2", *parameters), there, strict=False))


class Definition:
    """What y and the gradients are by the weight in full, in higher precision."""

    def __init__(self, _, operands):
        self.operands, self.form = operands, operands["weight"]
        self.wide = self.form.map(lambda a: a.astype(np.float64))

    def shares(self, found):
        """The largest rounding error of every result, as a share of its computed bound; above 1 it is wrong.

        Of y and the inputs' gradients the first rows are looked at. Gradients of parameters only in small cases.
        """
        exact, bounds = self._rows
        small = len(self.operands["x1"]) <= SMALL
        if small and len(found) > 3:
            gradients = self._parameters
            exact, bounds = exact | gradients[0], bounds | gradients[1]
        names = [name for name in found if name in exact]
        return {name: _share(found[name][: None if name in self.form.parameters else ROWS], exact[name], bounds[name])
                for name in names}  # fmt: skip

    @property
    def _rows(self):
        return _by_weight(self.form, *self._weights, self.operands)

    @property
    def _weights(self):
        """The weight in full, and how large its terms may be."""
        whole = self.wide.expand()
        return whole, np.maximum(abs(self.wide.map(abs).expand()), abs(whole))

    @property
    def _parameters(self):
        """The gradient of every number of every parameter: y is affine in it."""
        x1, x2, g = (self.operands[name].astype(np.float64) for name in ("x1", "x2", "grad_output"))
        x1, x2 = _with_ones(self.form, x1, x2)
        of_weight, sure = (np.einsum("bk,bi,bj->kij", *(of(a) for a in (g, x1, x2))) for of in (np.positive, abs))
        found, bounds = {}, {}
        for name, array in self.wide.parameters.items():
            found[name], bounds[name] = np.empty(array.shape), np.empty(array.shape)
            zero = self._expanded(name, np.zeros_like(array))
            for place in np.ndindex(array.shape):
                one = np.zeros_like(array)
                one[place] = 1
                change = self._expanded(name, one) - zero
                found[name][place] = (of_weight * change).sum()
                bounds[name][place] = (sure * abs(change)).sum()
            bounds[name] *= _unit(self.form, len(g))
        return found, bounds

    def _expanded(self, name, array):
        return self.wide.replace(self.wide.parameters | {name: array}).expand()


def _by_weight(form, whole, sure, operands):
    """Y and both inputs' gradients of the first rows, and their bounds."""
    x1, x2, g = (operands[name][:ROWS].astype(np.float64) for name in ("x1", "x2", "grad_output"))
    (in1, in2), (x1, x2) = (x1.shape[1], x2.shape[1]), _with_ones(form, x1, x2)
    exact, bounds = (
        {
            "y": np.einsum("kbj,bj->bk", of(x1) @ weight, of(x2)),
            "x1": np.einsum("kbi,bk->bi", of(x2) @ weight.swapaxes(1, 2), of(g))[:, :in1],
            "x2": np.einsum("kbj,bk->bj", of(x1) @ weight, of(g))[:, :in2],
        }
        for of, weight in ((np.positive, whole), (abs, sure))
    )
    unit = _unit(form, 0)
    return exact, {name: unit * bound for name, bound in bounds.items()}


def _with_ones(form, *inputs):
    if not form.appends_ones:
        return inputs
    return tuple(np.concatenate([x, np.ones((len(x), 1))], axis=1) for x in inputs)


def _unit(form, rows):
    """Relative rounding of sums within sums: terms of each add up. Twice, since the definition rounds in float64."""
    terms = rows + sum(form.shape) + sum(form.sizes.values()) + len(form.parameters) + 8
    unit = 2 * terms * np.finfo(form.dtype).eps / 2
    return unit / (1 - unit)


def _share(found, exact, bound):
    errors = abs(np.asarray(found) - exact) / (bound + np.finfo(np.float32).tiny)
    return float("inf") if np.isnan(errors).any() else float(errors.max())


def _ours(_, operands):
    x1, x2, form, g = (operands[name] for name in ("x1", "x2", "weight", "grad_output"))

    def both():
        y, pullback = nbl.bilinear_vjp(x1, x2, form)
        grads = pullback(g)
        return y, grads.x1, grads.x2, *grads.weight.parameters.values()

    return lambda: nbl.bilinear(x1, x2, form), both


def _full(_, operands):
    """The weight in full: without the linear terms of a biaffine form, whose results are then others."""
    x1, x2, form, g = (operands[name] for name in ("x1", "x2", "weight", "grad_output"))
    weight = form.expand()
    if form.appends_ones:
        x1, x2 = (np.concatenate([x, np.ones((len(x), 1), x.dtype)], axis=1) for x in (x1, x2))

    def both():
        y, pullback = nbl.bilinear_vjp(x1, x2, weight)
        grads = pullback(g)
        return y, grads.x1[:, : form.shape[1]], grads.x2[:, : form.shape[2]]

    return lambda: nbl.bilinear(x1, x2, weight), both


def _theirs(rival, _, operands):
    return rival.prepare(operands, operands["grad_output"])
