"""The bilinear interdependence head beside tinyBIG's order of it in torch: ``python -m benchmarks.heads``.

CPU time of one thread, medians in turn; memory is what the process grows by at the worst moment of forward and
backward. Values and gradients are compared before anything is timed.
"""

from functools import lru_cache
from importlib.util import find_spec

import numpy as np
from contest.memory import extra

import nbbilinear as nbl
from nbbilinear.heads import BilinearInterdependenceHead

from .command import parser, table
from .common import OneThread
from .measure import in_turn

LOW, DUAL = {"with_lorr_interdependence": True}, {"with_dual_lphm_interdependence": True}
CASES = {  # name -> rows, m, n, options
    "64 x 784, 64": (64, 784, 64, {}),
    "64 x 784, 64, low rank": (64, 784, 64, LOW),
    "64 x 784, 64, dual": (64, 784, 64, DUAL),
    "128 x 784, 10": (128, 784, 10, {}),
    "128 x 784, 10, low rank": (128, 784, 10, LOW),
    "128 x 784, 10, dual": (128, 784, 10, DUAL),
    "128 x 784, 10, both dual": (128, 784, 10, DUAL | {"with_dual_lphm": True}),
    "128 x 784, 64, low rank, bias, residual, batch norm": (
        128, 784, 64, LOW | {"enable_bias": True, "with_residual": True, "with_batch_norm": True},
    ),
    "128 x 784, 64, 4 channels": (128, 784, 64, {"channel_num": 4}),
    "512 x 784, 128": (512, 784, 128, {}),
    "1024 x 256, 64": (1024, 256, 64, {}),
    "32 x 32, 16": (32, 32, 16, {}),
    "8 x 16, 4": (8, 16, 4, {}),
    "64 x 784, 10, taylor": (64, 784, 10, {"with_taylor": True}),
    "64 x 784, 10, taylor, low rank": (64, 784, 10, {"with_taylor": True, "with_lorr": True}),
    "64 x 784, 10, taylor, both dual": (64, 784, 10, DUAL | {"with_taylor": True, "with_dual_lphm": True}),
    "128 x 64, 64, taylor": (128, 64, 64, {"with_taylor": True}),
}  # fmt: skip


@lru_cache(maxsize=1)
def calls(case, dtype):
    """Forward, and forward with backward, of the library and, where torch is installed, of torch; values agree."""
    rows, m, n, options = CASES[case]
    rng = np.random.default_rng(0)
    head = BilinearInterdependenceHead(m, n, **options, dtype=dtype, rng=rng)
    x, g = (rng.standard_normal((rows, size), np.dtype(dtype)) for size in (m, n))

    def both():
        y, pullback = head.vjp(x)
        grads = pullback(g)
        return y, grads.x, *grads.parameters.values()

    found = {"forward": lambda: head.vjp(x)[0], "both": both}
    for call in found.values():
        call()
    if find_spec("torch"):
        from rivals.torch_head import prepare

        found["torch forward"], found["torch both"] = prepare(head, x, g)
        _agree(found, dtype)
    return found


def _agree(found, dtype):
    """y and the gradient of x; rounding of scores is multiplied with their size, and sharp rows are not compared."""
    (y, dx, *_), (theirs, their_dx, *_) = found["both"](), found["torch both"]()
    bound = 2e-2 if dtype == "float32" else 1e-9
    for one, other in ((y, theirs.numpy()), (dx, their_dx.numpy())):
        error = np.linalg.norm(one - other) / np.linalg.norm(other)
        assert error < bound, f"differs by {error:.1e}"


class Heads(OneThread):
    params = (list(CASES), ["float32", "float64"])
    param_names = ("case", "dtype")
    timeout = 300

    def setup(self, case, dtype):
        super().setup()
        self.calls = calls(case, dtype)

    def time_forward(self, *_):
        self.calls["forward"]()

    def time_forward_and_backward(self, *_):
        self.calls["both"]()


def _line(case, options):
    found = calls(case, options.dtype)
    taken = in_turn(found, rounds=9, seconds=options.seconds)
    cells = [case, *(f"{1e3 * np.median(taken[name]):.2f}" for name in ("forward", "both"))]
    cells += [
        f"{np.median(taken['torch ' + name] / taken[name]):.2f}" if "torch both" in taken else "-"
        for name in ("forward", "both")
    ]
    for name in ("both", "torch both"):
        grown = extra(found[name], lambda _: 0)[1] if name in found else None
        cells.append("-" if grown is None else f"{grown / 2**20:.1f}")
    return cells


def main():
    options = parser(__doc__).parse_args()
    head = ["rows x m, n", "forward, ms", "both, ms", "torch / ours, forward", "both", "MiB", "torch's"]
    with nbl.config(threads=1):
        table(f"heads, {options.dtype}, one thread, CPU time", head, [_line(case, options) for case in CASES])


if __name__ == "__main__":
    main()
