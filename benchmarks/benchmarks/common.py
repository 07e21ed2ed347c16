"""What the benchmarks share: the products, their sizes, operands, and who can compute them.

Letters are those of the kernels: b rows, n and m rows of pairs, s shared rows, k outputs, i and j features, r weights.
"""

from functools import lru_cache, partial
from math import prod
from time import process_time
from typing import NamedTuple

import numpy as np

import nbbilinear as nbl
from nbbilinear import backends
from nbbilinear.errors import BackendError

STRUCTURES = {  # the axes of every operand; "1" is an axis of size one
    "rows": {"x1": "bi", "x2": "bj", "weight": "kij", "bias": "k", "y": "bk"},
    "pairs": {"x1": "sn1i", "x2": "s1mj", "weight": "kij", "bias": "k", "y": "snmk"},
    "index": {"x1": "bi", "x2": "bj", "weight": "rij", "index": "b", "y": "b"},
    "one against all": {"x1": "b1i", "x2": "1mj", "weight": "rij", "index": "b1", "y": "bm"},
    "quadratic": {"x": "bi", "weight": "kii", "bias": "k", "y": "bk"},
}


def _rows(*sizes):
    return dict(zip("bijk", sizes, strict=True))


def _named(*all_sizes):
    return {"x".join(map(str, sizes)): _rows(*sizes) for sizes in all_sizes}


# Sizes are named, and only ever appended. Rows: rows x in1 x in2 x out.
ROWS = {"one": _rows(1, 1, 1, 1)} | _named(
    (128, 20, 30, 40),
    (32, 10, 20, 5),
    (4, 100, 100, 50),
    (4, 128, 128, 128),
    (256, 128, 128, 128),
    (32, 256, 256, 1),
    (4096, 256, 256, 1),
    (32, 768, 768, 5),
    (1024, 768, 768, 5),
    (512, 64, 64, 64),
    (65536, 32, 32, 32),
    (100000, 16, 16, 1),
    (8192, 100, 100, 46),
    (64, 512, 512, 512),
    (16384, 8, 8, 256),
)
SIZES = {
    "rows": ROWS,
    "pairs": {
        "one": {"s": 1, "n": 1, "m": 1, "i": 1, "j": 1, "k": 1},
        "all 1000": {"s": 1, "n": 1000, "m": 1000, "i": 64, "j": 64, "k": 8},
        "words of sentences": {"s": 32, "n": 30, "m": 30, "i": 101, "j": 101, "k": 50},
        "few against many": {"s": 1, "n": 16, "m": 20000, "i": 64, "j": 64, "k": 1},
    },
    "index": {
        "one": {"b": 1, "i": 1, "j": 1, "r": 1},
        "50 relations": {"b": 4096, "i": 100, "j": 100, "r": 50},
        "237 relations": {"b": 1024, "i": 200, "j": 200, "r": 237},
        "11 relations": {"b": 128, "i": 50, "j": 50, "r": 11},
    },
    "one against all": {
        "one": {"b": 1, "m": 1, "i": 1, "j": 1, "r": 1},
        "one relation": {"b": 64, "m": 104, "i": 100, "j": 100, "r": 1},
        "50 relations": {"b": 64, "m": 104, "i": 100, "j": 100, "r": 50},
        "40943 entities": {"b": 128, "m": 40943, "i": 100, "j": 100, "r": 22},
    },
    "quadratic": {
        "one": {"b": 1, "i": 1, "k": 1},
        "512x64x64": {"b": 512, "i": 64, "k": 64},
        "4096x256x1": {"b": 4096, "i": 256, "k": 1},
        "256x50x10": {"b": 256, "i": 50, "k": 10},
    },
}
LARGE = tuple(name for name, size in ROWS.items() if prod(size.values()) > 2e9)  # float32 only
SMALL = tuple(name for name in ROWS if name not in LARGE)
DTYPES = ("float32", "float64")
DEFINITION = "numpy/einsum"


class Product(NamedTuple):
    """A structure at a size, in a dtype."""

    structure: str
    size: str
    dtype: str

    @property
    def sizes(self):
        """The number of elements along every letter."""
        return SIZES[self.structure][self.size] | {"1": 1}

    @property
    def terms(self):
        """Products of three factors that y sums: half the flop of a GEMM-equivalent where nothing is shared."""
        letters = "".join(axes for name, axes in STRUCTURES[self.structure].items() if name not in ("weight", "bias"))
        letters += STRUCTURES[self.structure]["weight"].replace("r", "")
        return prod(self.sizes[letter] for letter in set(letters))

    def shape(self, name):
        """The shape of an operand, or of y."""
        return tuple(self.sizes[letter] for letter in STRUCTURES[self.structure][name])

    def plan(self, backend=None, *, backward=False):
        """What the library would do; BackendError where the backend has no kernel for it."""
        names = STRUCTURES[self.structure]
        x1, x2 = ("x", "x") if "x" in names else ("x1", "x2")
        rest = {"bias": self.shape("bias")} if "bias" in names else {"index": self.shape("index")}
        operands = (self.shape(x1), self.shape(x2), self.shape("weight"))
        return nbl.plan(*operands, **rest, dtype=self.dtype, backward=backward, backend=backend)


class Case(NamedTuple):
    """A product's operands by name, the gradient of its y, and the two calls that are measured."""

    operands: dict
    grad_output: np.ndarray
    forward: partial
    backward: partial


@lru_cache(maxsize=1)
def draw(product):
    """Operands of a product, and ``"grad_output"``: normal numbers, always the same."""
    rng = np.random.default_rng(1)
    sizes, arrays = product.sizes, {}
    for name in STRUCTURES[product.structure]:
        if name == "index":
            arrays[name] = rng.integers(0, sizes["r"], product.shape(name))
        else:
            arrays[name] = rng.standard_normal(product.shape(name), np.dtype(product.dtype))
    return {"grad_output" if name == "y" else name: array for name, array in arrays.items()}


def squeezed(structure, operands):
    """The operands without their axes of size one, which stand for broadcasting."""
    axes = STRUCTURES[structure] | {"grad_output": STRUCTURES[structure]["y"]}
    return {
        name: array[tuple(0 if letter == "1" else slice(None) for letter in axes[name])]
        for name, array in operands.items()
    }


def case(product, backend=None):
    """The calls for a product on a backend, or one kernel of it."""
    operands = dict(draw(product))
    grad_output = operands.pop("grad_output")
    verbs = (nbl.quadratic, nbl.quadratic_backward) if "x" in operands else (nbl.bilinear, nbl.bilinear_backward)
    return Case(
        operands,
        grad_output,
        partial(verbs[0], **operands, backend=backend),
        partial(verbs[1], grad_output, **operands, backend=backend),
    )


def places():
    """The backends that run here."""
    return tuple(name for name in backends.names("numpy") if _kernels_of(name))


def kernels():
    """The kernels of all backends that run here."""
    return tuple(dict.fromkeys(kernel for name in backends.names("numpy") for kernel in _kernels_of(name)))


def takers(names, structure, sizes, seconds=1.0):
    """Those of ``names`` (backends, or kernels) expected to be done with each size, gradients too, in this time."""
    products = [Product(structure, size, DTYPES[0]) for size in sizes]
    return [name for name in names if all(_expected(product, name) <= seconds for product in products)]


def _kernels_of(name):
    try:
        return [kernel.name for kernel in backends.backend(name).kernels]
    except BackendError:
        return []


def _expected(product, name):
    try:
        return max(product.plan(name, backward=backward).chosen.seconds for backward in (False, True))
    except BackendError:
        return float("inf")


class OneThread:
    """CPU time of one thread: what a busy machine and its other processors change least.

    ``setup`` runs again before every timed call, so it only looks up what is prepared once.
    """

    timer = staticmethod(process_time)
    repeat = (3, 200, 2.0)
    warmup_time = 0.1

    def setup(self, *_):
        self._settings = nbl.config(threads=1)
        self._settings.__enter__()

    def teardown(self, *_):
        self._settings.__exit__(None, None, None)
