"""Every row of x1 with every row of x2: the broadcast is planned, and costs what its matrix products cost."""

import numpy as np

import nbbilinear as nbl

from .common import DTYPES, SIZES, OneThread, Product, case, draw, places
from .definition import check
from .faces import Faces
from .measure import ratio


class Pairs(Faces):
    structure = "pairs"
    params = (places(), tuple(SIZES["pairs"]), DTYPES)


class AgainstProducts(OneThread):
    """CPU time of ``all 1000`` over that of the bare NumPy products it should cost: 1000x64 @ 64x512 and @ 64x8000."""

    params = (places(), DTYPES)
    param_names = ("backend", "dtype")
    unit = "times the bare matrix products"

    def setup(self, backend, dtype):
        super().setup()
        self.product = Product("pairs", "all 1000", dtype)
        check(self.product, backend)
        prepared = case(self.product, backend)
        without = {name: a for name, a in prepared.operands.items() if name != "bias"}
        x = draw(self.product)["x1"].reshape(1000, 64)
        y = draw(self.product)["grad_output"].reshape(1000, 8000)
        first, second = np.ones((64, 512), dtype), np.ones((64, 8000), dtype)
        into = np.empty((1000, 512), dtype), np.empty((1000, 8000), dtype), np.empty((64, 8000), dtype)

        def forward():
            np.matmul(x, first, out=into[0])
            np.matmul(x, second, out=into[1])

        def backward():
            """dx1 = g t; dt = g' x1; and three small ones: t, dx2 = dt W, dW = dt' x2."""
            np.matmul(y, second.T)
            np.matmul(x.T, y, out=into[2])
            for _ in range(3):
                np.matmul(x, first, out=into[0])

        self.calls = {
            "forward": lambda: nbl.bilinear(**without, backend=backend),
            "forward with bias": prepared.forward,
            "backward": lambda: nbl.bilinear_backward(prepared.grad_output, **without, backend=backend),
        }
        self.calls |= {"two products": forward, "five products": backward}

    def track_forward(self, *_):
        return ratio(self.calls, "forward", "two products")

    def track_forward_with_bias(self, *_):
        return ratio(self.calls, "forward with bias", "two products")

    def track_backward(self, *_):
        return ratio(self.calls, "backward", "five products")


class Flop:
    """What the plan counts: 2 (m k i j + n m k i), not the 2 n m k i j of repeated rows."""

    params = (places(), tuple(SIZES["pairs"]))
    param_names = ("backend", "size")
    unit = "flop over those of repeated rows"

    def track_forward(self, backend, size):
        product = Product("pairs", size, "float32")
        return product.plan(backend).flop / (2 * product.terms)

    def track_backward(self, backend, size):
        product = Product("pairs", size, "float32")
        return product.plan(backend, backward=True).flop / (6 * product.terms)
