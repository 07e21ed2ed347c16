"""How far results are from the definition, as a share of what rounding may do to them."""

from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from .common import case, draw, squeezed

TERMS = 1_000_000  # of the sample of each result that is computed anew, in higher precision


def _four(x1, x2, weight, y):
    """Y and its gradients: a result's axes, and the products it is the sum of, each of factors with their axes."""
    g = ("y", y)
    return {
        "y": (y, [[("x1", x1), ("weight", weight), ("x2", x2)]]),
        "x1": (x1, [[g, ("weight", weight), ("x2", x2)]]),
        "x2": (x2, [[g, ("weight", weight), ("x1", x1)]]),
        "weight": (weight, [[g, ("x1", x1), ("x2", x2)]]),
        "bias": (y[-1], [[g]]),
    }


def _chosen(x1, x2, y):
    """Where an index chooses the weight: a row meets its own, and the gradient of a weight the rows of its relation."""
    gradient = ("rij", [[("y", y), ("x1", x1), ("x2", x2), ("relation", "br")]])
    return _four(x1, x2, "bij", y) | {"weight": gradient}


def _same(x, weight, y):
    """Where x1 and x2 are one operand, whose gradient is the sum of both."""
    g, other = ("y", y), ("x", "bj")
    return {
        "y": (y, [[("x", x), ("weight", weight), other]]),
        "x": (x, [[g, ("weight", weight), other], [g, ("weight", "kji"), other]]),
        "weight": (weight, [[g, ("x", x), other]]),
        "bias": (y[-1], [[g]]),
    }


RESULTS = {
    "rows": _four("bi", "bj", "kij", "bk"),
    "pairs": _four("sni", "smj", "kij", "snmk"),
    "index": _chosen("bi", "bj", "b"),
    "one against all": _chosen("bi", "mj", "bm"),
    "quadratic": _same("bi", "kij", "bk"),
}


class _Sample(NamedTuple):
    """The front of a result, and how much rounding may change it."""

    shape: tuple
    front: tuple
    value: np.ndarray
    bound: np.ndarray

    def share(self, found):
        """The largest error over its bound; infinite where a result is no number."""
        errors = abs(np.asarray(found).reshape(self.shape)[self.front] - self.value) / self.bound
        return float("inf") if np.isnan(errors).any() else float(errors.max())


class Definition:
    """What the results of a structure are for these operands; each is computed when it is first asked for."""

    def __init__(self, structure, operands):
        """``operands`` as ``common.draw`` has them."""
        self.results, self.samples = RESULTS[structure], {}
        self.arrays = squeezed(structure, operands)
        self.arrays["y"] = self.arrays.pop("grad_output")
        self.index = self.arrays.pop("index", None)

    def shares(self, found):
        """The largest rounding error of every result in ``found``, as a share of its computed bound.

        Above 1 a result is wrong. Compared is the front of every axis, as far as a million terms reach.
        """
        for name in found:
            if name not in self.samples:
                self.samples[name] = self._sample(name)
        return {name: self.samples[name].share(array) for name, array in found.items()}

    def _sample(self, name):
        own, products = self.results[name]
        factors = [factor for product in products for factor in product]
        size = {letter: n for factor, axes in factors for letter, n in zip(axes, self._shape(factor), strict=True)}
        shape = tuple(size[letter] for letter in own)
        terms = len(products) * prod(size.values()) // prod(shape)
        while prod(size.values()) > TERMS and max(size[letter] for letter in own) > 1:
            longest = max(own, key=size.get)
            size[longest] = -(-size[longest] // 2)
        value, magnitude = (self._sums(own, products, size, of) for of in (np.positive, abs))
        if name == "y" and "bias" in self.arrays:
            bias = self._part("bias", "k", size)
            value, magnitude = value + bias, magnitude + abs(bias)
        limits = np.finfo(self.arrays["weight"].dtype)
        unit = (terms + 4) * limits.eps / 2
        front = tuple(slice(size[letter]) for letter in own)
        return _Sample(shape, front, value, unit / (1 - unit) * magnitude + limits.tiny)

    def _sums(self, own, products, size, of):
        """The products in higher precision, of operands or of their absolute values."""
        return sum(
            np.einsum(
                ",".join(axes for _, axes in factors) + "->" + own,
                *(of(self._part(*factor, size)) for factor in factors),
                optimize=True,
            )
            for factors in products
        )

    def _shape(self, name):
        weights, *features = self.arrays["weight"].shape
        if name == "relation":
            return len(self.index), weights
        if name == "weight" and self.index is not None:
            return len(self.index), *features
        return self.arrays[name].shape

    def _part(self, name, axes, size):
        """What the sample needs of an operand, of the gathered weights, or of who belongs to which relation."""
        wide = np.float64 if self.arrays["weight"].dtype == np.float32 else np.longdouble
        if name == "relation":
            array = self.index[:, None] == np.arange(size["r"])
        elif name == "weight" and self.index is not None:
            array = self.arrays["weight"][self.index[: size["b"]]]
        else:
            array = self.arrays[name]
        return array[tuple(slice(size[letter]) for letter in axes)].astype(wide)


@lru_cache(maxsize=1)
def definition(product):
    """Of the operands that are drawn for a product."""
    return Definition(product.structure, draw(product))


def worst(product, backend=None):
    """:meth:`Definition.shares` of y and the gradients as a backend computes them."""
    prepared = case(product, backend)
    gradients = {name: array for name, array in prepared.backward()._asdict().items() if array is not None}
    return definition(product).shares(gradients | {"y": prepared.forward()})


def check(product, backend=None):
    """AssertionError where a result differs from the definition by more than rounding may do."""
    found = worst(product, backend)
    assert max(found.values()) <= 1, f"{product} on {backend}: errors as shares of their bounds are {found}"
