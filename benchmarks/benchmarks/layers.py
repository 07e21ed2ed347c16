"""The layer, and the steps of the optimisers."""

import numpy as np

import nbbilinear as nbl
from nbbilinear import optim

from .common import SMALL, OneThread, Product, draw, places


class Layer(OneThread):
    """Forward, backward and zero_grad of ``Bilinear`` in training mode."""

    params = (places(), SMALL)
    param_names = ("backend", "size")

    def setup(self, backend, size):
        super().setup()
        product = Product("rows", size, "float32")
        sizes = product.sizes
        self.backend, self.operands = backend, draw(product)
        self.layer = nbl.Bilinear(sizes["i"], sizes["j"], sizes["k"], rng=0)
        self.time_step()

    def time_step(self, *_):
        with nbl.config(backend=self.backend):
            self.layer(self.operands["x1"], self.operands["x2"])
            self.layer.backward(self.operands["grad_output"])
            self.layer.zero_grad()


class Step(OneThread):
    """One step of an optimiser on 1000 rows of 100 numbers: of all rows, and of the ten that were touched."""

    params = ([name for name in optim.__all__ if optim.Optimizer in getattr(getattr(optim, name), "__bases__", ())],)
    param_names = ("optimizer",)

    def setup(self, optimizer):
        super().setup()
        rng = np.random.default_rng(0)
        self.parameter = nbl.Parameter(rng.standard_normal((1000, 100), np.float32))
        self.parameter.grad = rng.standard_normal((1000, 100), np.float32)
        self.optimizer = getattr(optim, optimizer)([self.parameter], lr=1e-3)
        self.touched = {self.parameter: rng.permutation(1000)[:10]}

    def time_all_rows(self, _):
        self.optimizer.step()

    def time_touched_rows(self, _):
        self.optimizer.step(touched=self.touched)
