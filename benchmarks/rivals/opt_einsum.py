"""opt_einsum on NumPy arrays: the order is searched once, for the shapes at hand."""

import opt_einsum

from . import einsum
from .subscripts import SUBSCRIPTS


def prepare(form, operands, grad_output):
    """Forward, and forward with backward."""
    letters = SUBSCRIPTS[form]
    x1 = operands["x" if "x" in operands else "x1"].shape
    x2 = operands["x" if "x" in operands else "x2"].shape
    size = dict(zip(letters.x1 + letters.x2 + letters.weight, x1 + x2 + operands["weight"].shape, strict=True))
    einsums = [_expression(subscripts, size) for subscripts in (letters.forward, *letters.backward)]
    return einsum.calls(letters, einsums, operands, grad_output)


def _expression(subscripts, size):
    shapes = [tuple(size[letter] for letter in own) for own in subscripts.partition("->")[0].split(",")]
    return opt_einsum.contract_expression(subscripts, *shapes)
