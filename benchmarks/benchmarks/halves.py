"""Half floats beside float32, and beside torch's layer where that is installed: ``python -m benchmarks.halves``.

CPU time of one thread, medians in turn; errors are root mean squares over the exact result's.
"""

from functools import partial

import ml_dtypes
import numpy as np

import nbbilinear as nbl

from .command import chosen_sizes, parser, table
from .common import ROWS, OneThread, Product, case
from .measure import in_turn

DTYPES = ("float16", "bfloat16")
SIZES = ("128x20x30x40", "4x100x100x50", "256x128x128x128", "1024x768x768x5", "100000x16x16x1", "16384x8x8x256")
ORDER = ("x1", "x2", "weight", "bias")


def halved(product, dtype):
    """Operands of a product and the gradient of its y, in half floats."""
    prepared = case(product)
    dtype = np.dtype(getattr(ml_dtypes, dtype, dtype))
    return [prepared.operands[name].astype(dtype) for name in ORDER], prepared.grad_output.astype(dtype)


def both(operands, g):
    """y and all gradients."""
    return nbl.bilinear(*operands), *nbl.bilinear_backward(g, *operands)


def of_torch(operands, g):
    """The same two calls by torch, results as float64; None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)

    def tensor(array):
        if array.dtype == np.float16:
            return torch.from_numpy(array)
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)

    fixed, g = [tensor(array) for array in operands], tensor(g)
    trained = [one.detach().requires_grad_() for one in fixed]

    def forward():
        with torch.inference_mode():
            return torch.nn.functional.bilinear(*fixed)

    def everything():
        y = torch.nn.functional.bilinear(*trained)
        return [y.detach(), *torch.autograd.grad(y, trained, g)]

    return forward, everything


def errors(found, exact):
    """The largest root mean square error of y and the gradients, each over its own size."""
    worst = 0.0
    for one, right in zip(found, exact, strict=True):
        wide = np.asarray(one.double() if hasattr(one, "double") else one, np.float64)
        worst = max(worst, float(np.sqrt(np.mean((wide - right) ** 2) / np.mean(right**2))))
    return worst


class Halves(OneThread):
    params = (SIZES, DTYPES)
    param_names = ("size", "dtype")
    timeout = 300

    def setup(self, size, dtype):
        super().setup()
        operands, g = halved(Product("rows", size, "float32"), dtype)
        self.calls = {"forward": partial(nbl.bilinear, *operands), "both": partial(both, operands, g)}
        for call in self.calls.values():
            call()

    def time_forward(self, *_):
        self.calls["forward"]()

    def time_forward_and_backward(self, *_):
        self.calls["both"]()


def line(product, dtype, seconds):
    """One row of the table."""
    operands, g = halved(product, dtype)
    wide, wide_g = [a.astype(np.float32) for a in operands], g.astype(np.float32)
    calls = {
        "forward": partial(nbl.bilinear, *operands),
        "both": partial(both, operands, g),
        "wide forward": partial(nbl.bilinear, *wide),
        "wide both": partial(both, wide, wide_g),
    }
    theirs = of_torch(operands, g)
    if theirs:
        calls |= {"torch forward": theirs[0], "torch both": theirs[1]}
    taken = in_turn(calls, rounds=9, seconds=seconds)

    def ratio(over, under):
        return f"{np.median(taken[over] / taken[under]):.2f}" if over in taken else "-"

    exact = both([a.astype(np.float64) for a in operands], g.astype(np.float64))
    return (
        product.size, dtype, f"{np.median(taken['forward']) * 1e6:,.0f}", ratio("forward", "wide forward"),
        ratio("both", "wide both"), ratio("torch forward", "forward"), ratio("torch both", "both"),
        f"{errors(calls['both'](), exact):.1e}", f"{errors(theirs[1](), exact):.1e}" if theirs else "-",
    )  # fmt: skip


def main():
    options = parser(__doc__)
    arguments = options.parse_args()
    arguments.sizes = arguments.sizes or SIZES
    head = ("rows x in1 x in2 x out", "dtype", "forward µs", "forward / float32", "both / float32",
            "torch / ours, forward", "torch / ours, both", "rms error", "torch's")  # fmt: skip
    with nbl.config(threads=1):
        rows = [
            line(product, dtype, arguments.seconds)
            for product in chosen_sizes(arguments, {"rows": ROWS})
            for dtype in DTYPES
        ]
    table("Half floats", head, rows)


if __name__ == "__main__":
    main()
