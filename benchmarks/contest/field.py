"""Who computes a product: the library as it chooses, its backends alone, and the rivals."""

from functools import partial
from typing import NamedTuple

import numpy as np
import rivals
from benchmarks.common import SIZES, STRUCTURES, Product, places, squeezed

import nbbilinear as nbl
from nbbilinear.errors import BackendError

OURS = "ours"  # what the library chooses: all ratios are to this
DIRECTIONS = ("forward", "forward + backward")


class Contender(NamedTuple):
    """``prepare(structure, operands)`` returns forward, and forward with backward.

    ``backward``: about how many times a forward both take. ``same``: it is what the library chooses anyway.
    ``compiles``: a first call may, since other sizes take other kernels.
    """

    name: str
    column: str
    prepare: object
    backward: float = 10
    same: bool = False
    compiles: bool = False


def products(structure, dtype):
    """Every size."""
    return [Product(structure, size, dtype) for size in SIZES[structure]]


def warmed(product):
    """What a contender has to be warmed up for."""
    return product.dtype


def expected(product):
    """Seconds of a forward and a backward of ours."""
    return sum(product.plan(backward=backward).chosen.seconds for backward in (False, True))


def ours(product, names=()):
    """The library's choice, each backend alone, and kernels that are asked for by name; those that can."""
    found = [Contender(OURS, OURS, partial(_ours, backend=None), compiles=True)]
    chosen = _kernels(product, None)
    for name in dict.fromkeys((*places(), *names)):
        try:
            same = _kernels(product, name) == chosen
        except BackendError:
            continue
        found.append(Contender(name, name, partial(_ours, backend=name), same=same, compiles=True))
    return found


def others(product, names=None):
    """The rivals that are installed, or those of ``names`` among them."""
    return [
        Contender(rival.name, rival.column, partial(_theirs, rival), rival.backward)
        for rival in rivals.rivals(product.structure).values()
        if rival.is_present and (names is None or {rival.name, rival.column, rival.package} & set(names))
    ]


def part(structure, operands):
    """The operands of a product with few rows."""
    axes = STRUCTURES[structure] | {"grad_output": STRUCTURES[structure]["y"]}
    few = {name: tuple(slice(4 if letter in "bnm" else None) for letter in axes[name]) for name in operands}
    return {name: np.ascontiguousarray(array[few[name]]) for name, array in operands.items()}


def named(structure, results, parameters=()):
    """Y, or y and the gradients, by name: the order is that of the operands."""
    names = [name for name in STRUCTURES[structure] if name not in ("index", "y")]
    return dict(zip(("y", *names), results if isinstance(results, tuple) else (results,), strict=False))


def nbytes(results):
    """Of y, or of y and the gradients."""
    return sum(array.nbytes for array in (results if isinstance(results, tuple) else (results,)))


def _kernels(product, backend):
    """What would run, forward and backward."""
    return [product.plan(backend, backward=backward).chosen.label for backward in (False, True)]


def _ours(structure, operands, backend):
    operands = dict(operands)
    g = operands.pop("grad_output")
    if structure == "quadratic":
        forward, backward = (
            partial(verb, **operands, backend=backend) for verb in (nbl.quadratic, nbl.quadratic_backward)
        )
        return forward, lambda: (forward(), *(a for a in backward(g) if a is not None))
    forward, vjp = (partial(verb, **operands, backend=backend) for verb in (nbl.bilinear, nbl.bilinear_vjp))

    def both():
        y, pullback = vjp()
        return y, *(a for a in pullback(g) if a is not None)

    return forward, both


def _theirs(rival, structure, operands):
    operands = squeezed(structure, operands)
    return rival.prepare(operands, operands.pop("grad_output"))
