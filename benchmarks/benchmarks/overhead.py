"""What a call costs where there is nothing to compute: size 1, against the smallest call NumPy has."""

import numpy as np

import nbbilinear as nbl

from .common import OneThread, Product, case, places
from .definition import check
from .measure import ratio


class Overhead(OneThread):
    """CPU time over ``np.matmul`` of two 1x1 arrays, in turn. The promise is at most 5 for ``numba`` forward."""

    params = (places(),)
    param_names = ("backend",)
    unit = "times np.matmul of 1x1"

    def setup(self, backend):
        super().setup()
        product = Product("rows", "one", "float32")
        check(product, backend)
        prepared, one = case(product, backend), np.ones((1, 1), np.float32)
        planned, out = product.plan(backend), np.empty((1, 1), np.float32)
        workspace = np.empty(planned.workspace_bytes // 4, np.float32) if planned.workspace_bytes else None
        operands = [prepared.operands[name] for name in ("x1", "x2", "weight", "bias")]
        layer = nbl.Bilinear(1, 1, 1, rng=0).eval()
        x1, x2, weight, bias = operands
        self.calls = {
            "matmul": lambda: np.matmul(one, one),
            "forward": lambda: nbl.bilinear(x1, x2, weight, backend=backend),
            "forward with bias": lambda: nbl.bilinear(x1, x2, weight, bias, backend=backend),
            "backward": lambda: nbl.bilinear_backward(one, x1, x2, weight, backend=backend),
            "plan": lambda: planned.run(x1, x2, weight, bias, out=out, workspace=workspace),
            "layer": lambda: layer(x1, x2),
        }

    def track_forward(self, _):
        return ratio(self.calls, "forward", "matmul", seconds=1)

    def track_forward_with_bias(self, _):
        return ratio(self.calls, "forward with bias", "matmul", seconds=1)

    def track_backward(self, _):
        return ratio(self.calls, "backward", "matmul", seconds=1)

    def track_run_of_plan(self, _):
        return ratio(self.calls, "plan", "matmul", seconds=1)

    def track_layer(self, _):
        return ratio(self.calls, "layer", "matmul", seconds=1)
