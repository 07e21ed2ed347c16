"""What is measured, by structure: a module that draws operands, knows who computes them, and what is right."""

from benchmarks.common import draw
from benchmarks.definition import Definition

from . import field, formed

_OTHERS = {formed.STRUCTURE: (formed, formed.draw, formed.Definition)}


def of(structure):
    """The module with the contenders."""
    return _OTHERS.get(structure, (field,))[0]


def operands(product):
    """Always the same."""
    return _OTHERS.get(product.structure, (field, draw))[1](product)


def definition(structure, given):
    """What the results are to be."""
    return _OTHERS.get(structure, (field, draw, Definition))[2](structure, given)
