"""How far results are from the definition, as a share of what rounding may do to them."""

from math import prod

import numpy as np

from .common import STRUCTURES, case, draw

TERMS = 1_000_000  # of the sample of each result that is computed anew, in higher precision


def shares(product, found):
    """The largest rounding error of every result in ``found``, as a share of its computed bound.

    Above 1 a result is wrong. Compared is the front of every axis, as far as a million terms reach; left out are
    gradients that are no single einsum: that of a quadratic x, and that of a weight chosen by index.
    """
    operands = dict(draw(product))
    letters = {name: axes.replace("1", "") for name, axes in STRUCTURES[product.structure].items()}
    sizes, arrays = dict(product.sizes), operands | {"y": operands["grad_output"]}
    left_out = {"bias"}
    if "x" in letters:
        letters |= {"x1": "bi", "x2": "bj", "weight": "kij"}
        arrays |= {"x1": arrays["x"], "x2": arrays["x"]}
        sizes["j"] = sizes["i"]
        left_out.add("x")
    elif "index" in letters:
        letters["weight"] = "bij"
        left_out.add("weight")
    return {name: _share(name, found[name], letters, sizes, arrays) for name in found if name not in left_out}


def worst(product, backend=None):
    """:func:`shares` of y and the gradients as a backend computes them."""
    prepared = case(product, backend)
    return shares(product, prepared.backward()._asdict() | {"y": prepared.forward()})


def check(product, backend=None):
    """AssertionError where a result differs from the definition by more than rounding may do."""
    found = worst(product, backend)
    assert max(found.values()) <= 1, f"{product} on {backend}: errors as shares of their bounds are {found}"


def _share(name, found, letters, sizes, arrays):
    own = letters[name]
    factors = [other for other in ("y", "x1", "x2", "weight") if other != name]
    size = {letter: sizes[letter] for other in factors for letter in letters[other]}
    full = [size[letter] for letter in own]
    terms = prod(size.values()) // prod(full)
    while prod(size.values()) > TERMS and max(size[letter] for letter in own) > 1:
        longest = max(own, key=size.get)
        size[longest] = -(-size[longest] // 2)
    front = tuple(slice(size[letter]) for letter in own)
    found = found.reshape(full)[front]
    wide = np.float64 if found.dtype == np.float32 else np.longdouble
    parts = [_part(other, letters, sizes, size, arrays).astype(wide) for other in factors]
    subscripts = ",".join(letters[other] for other in factors) + "->" + own
    value, magnitude = (np.einsum(subscripts, *some, optimize=True) for some in (parts, map(abs, parts)))
    if name == "y" and "bias" in arrays:
        bias = arrays["bias"][: size["k"]].astype(wide)
        value, magnitude = value + bias, magnitude + abs(bias)
    unit = (terms + 4) * np.finfo(found.dtype).eps / 2
    bound = unit / (1 - unit) * magnitude + np.finfo(found.dtype).tiny
    return float((abs(found - value) / bound).max())


def _part(name, letters, sizes, size, arrays):
    """An operand's part that the sample needs, without axes of size one that stand for broadcasting."""
    array = arrays[name]
    if name == "weight" and "index" in arrays:
        array = array[arrays["index"].reshape(-1)[: size["b"]]]
    else:
        array = array.reshape([sizes[letter] for letter in letters[name]])
    return array[tuple(slice(size[letter]) for letter in letters[name])]
