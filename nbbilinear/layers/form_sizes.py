"""Sizes and initial values of the parameters of a form, from the numbers of features."""

import math
from collections.abc import Mapping
from math import prod
from typing import Any

from ..errors import ConfigError, ShapeError
from ..forms import Form
from ..scalars import whole


def letter_sizes(
    owner: str, kind: type[Form], in1: int, in2: int, out: int, options: Mapping[str, Any]
) -> dict[str, int]:
    """Return the size of every letter of a form's axes.

    Parameters
    ----------
    owner : str
        Who asks, for the messages.
    kind : type of Form
    in1, in2, out : int
    options : mapping of name to int
        The sizes that features do not determine, such as ``rank``; the form names them.

    Raises
    ------
    ConfigError
        An option is missing, unknown, or no whole number >= 1.
    ShapeError
        Features do not divide into the form's factors.

    Examples
    --------
    >>> from nbbilinear.forms import BlockDiagonal
    >>> sizes = letter_sizes("layer", BlockDiagonal, 6, 4, 3, {"blocks": 2})
    >>> [sizes[letter] for letter in "knpq"]
    [3, 2, 3, 2]
    """
    names = (*kind.options, *kind.given)
    if options.keys() != set(names):
        wanted, given = (", ".join(f"{name}=" for name in some) or "none" for some in (names, options))
        raise ConfigError(f"{owner} has the options {wanted}; given: {given}")
    sizes = {"k": out} | dict(kind.fixed)
    sizes |= {letter: whole(f"{owner}: {name}", options[name], least=1) for name, letter in kind.options.items()}
    for side, (name, features) in zip(kind.sides, (("in1_features", in1), ("in2_features", in2)), strict=True):
        known = prod(sizes[letter] for letter in side if letter in sizes)
        free = [letter for letter in side if letter not in sizes]
        if features % known or (not free and features != known):
            must = f"be a multiple of {known}" if free else f"be {known}"
            raise ShapeError(f"{owner}: {name} must {must}, got {features}")
        sizes |= dict.fromkeys(free, features // known)
    return sizes


def bound_of(kind: type[Form], sizes: Mapping[str, int], in1: int, in2: int) -> float:
    """Return b such that parameters from U(-b, b) give y the variance that torch's initial values give it.

    That is ``in2 / 3`` for inputs of unit variance. An output is a sum of one product of parameters for each value of
    the letters other than k. Parameters that are summands and no factors are drawn as a full weight's.

    Examples
    --------
    >>> from nbbilinear.forms import Full, LowRank
    >>> bound_of(Full, {"k": 5, "i": 16, "j": 7}, 16, 7) == 1 / math.sqrt(16)
    True
    >>> round(bound_of(LowRank, {"k": 5, "i": 16, "j": 7, "r": 4}, 16, 7), 3)
    0.465
    """
    if kind.factors == 1 and len(kind.axes) > 1:
        return 1 / math.sqrt(in1)
    letters = {letter for axes in kind.axes.values() for letter in axes} | set(
        "".join(kind.sides) if kind.given else ""
    )
    terms = prod(sizes.get(letter, 1) for letter in letters - {"k"})
    variance = max(1, in2) / 3 / max(1, terms)
    return math.sqrt(3) * math.pow(variance, 0.5 / len(kind.axes))
