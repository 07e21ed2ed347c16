"""The rivals of ``benchmarks/peers.py`` under asv, as its first axis; those not installed are left out."""

import sys
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from .common import DTYPES, SMALL, OneThread, Product, draw, squeezed
from .definition import definition
from .measure import ratio

sys.path.append(str(Path(__file__).parents[1]))  # asv knows of this package only, and the rivals are beside it
import rivals


def present(structure):
    """The names of those that are installed."""
    return tuple(name for name, rival in rivals.rivals(structure).items() if rival.is_present)


class Peers(OneThread):
    """Rivals for paired rows."""

    structure = "rows"
    params = (present("rows"), SMALL, DTYPES)
    param_names = ("rival", "size", "dtype")

    def setup(self, rival, size, dtype):
        super().setup()
        self.forward, self.both = prepared(Product(self.structure, size, dtype), rival)

    def time_forward(self, *_):
        self.forward()

    def time_forward_backward(self, *_):
        self.both()

    def peakmem_forward(self, *_):
        """Of the whole process, libraries and operands included."""
        self.forward()

    def peakmem_forward_backward(self, *_):
        """Of the whole process, libraries and operands included."""
        self.both()

    def track_accuracy(self, rival, size, dtype):
        return max(shares(Product(self.structure, size, dtype), self.both()).values())

    track_accuracy.unit = "largest error / bound"


class PeersOfPairs(Peers):
    structure = "pairs"
    params = (present("pairs"), ("one", "words of sentences", "few against many"), DTYPES)


class PeersOfIndexed(Peers):
    structure = "index"
    params = (present("index"), ("one", "50 relations", "11 relations"), DTYPES)


class PeersOfQuadratic(Peers):
    structure = "quadratic"
    params = (present("quadratic"), ("one", "512x64x64", "256x50x10"), DTYPES)


class OverheadOfPeers(OneThread):
    """CPU time at size 1 over ``np.matmul`` of two 1x1 arrays, in turn, as ``overhead`` has it for the library."""

    params = (present("rows"),)
    param_names = ("rival",)
    unit = "times np.matmul of 1x1"

    def setup(self, rival):
        super().setup()
        forward, both = prepared(Product("rows", "one", "float32"), rival)
        one = np.ones((1, 1), np.float32)
        self.calls = {"forward": forward, "forward + backward": both, "matmul": partial(np.matmul, one, one)}

    def track_forward(self, _):
        return ratio(self.calls, "forward", "matmul", seconds=1)

    def track_forward_backward(self, _):
        return ratio(self.calls, "forward + backward", "matmul", seconds=1)


class StartOfPeers:
    """Import of what a rival needs, and its first call with that, each in a fresh process."""

    params = (present("rows"),)
    param_names = ("rival",)
    repeat = 3
    rounds = 1
    timeout = 120

    def timeraw_import(self, rival):
        return f"import {rivals.rivals('rows')[rival].package}"

    def timeraw_first_call(self, rival):
        return _FIRST_CALL.format(folder=str(Path(rivals.__file__).parents[1]), rival=rival)


_FIRST_CALL = """
import sys
sys.path.append({folder!r})
import numpy as np
import rivals
shapes = {{"x1": (8, 4), "x2": (8, 5), "weight": (3, 4, 5), "bias": (3,)}}
operands = {{name: np.ones(shape, "float32") for name, shape in shapes.items()}}
rivals.rivals("rows")[{rival!r}].prepare(operands, np.ones((8, 3), "float32"))[1]()
"""


def shares(product, results):
    """Errors of y and the gradients, as shares of their bounds."""
    names = [name for name in draw(product) if name not in ("index", "grad_output")]
    return definition(product).shares(dict(zip(("y", *names), results, strict=True)))


@lru_cache(maxsize=1)
def prepared(product, name):
    """The calls of a rival, compiled, touched and right."""
    operands = squeezed(product.structure, draw(product))
    calls = rivals.rivals(product.structure)[name].prepare(operands, operands.pop("grad_output"))
    found = shares(product, calls[1]())
    assert max(found.values()) <= 1, f"{name} on {product}: errors as shares of their bounds are {found}"
    return calls
