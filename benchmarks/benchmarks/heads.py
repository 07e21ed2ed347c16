"""The bilinear interdependence head beside tinyBIG's order of it in torch: ``python -m benchmarks.heads``.

CPU time of one thread, medians in turn; memory is what the process grows by at the worst moment of forward and
backward. Values and gradients are compared before anything is timed.
"""

from functools import lru_cache
from importlib.util import find_spec

import numpy as np
from contest.memory import extra
from contest.prepare import WrongError

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
    found = _calls(BilinearInterdependenceHead(m, n, **options, dtype=dtype, rng=0), rows)
    for call in found.values():
        call()
    if find_spec("torch"):
        _agree(BilinearInterdependenceHead(m, n, **options, scale="divide", dtype="float64", rng=0))
    return found


def _calls(head, rows):
    rng = np.random.default_rng(0)
    x, g = (rng.standard_normal((rows, size), head.dtype) for size in (head.m, head.n))

    def both():
        y, pullback = head.vjp(x)
        grads = pullback(g)
        return y, grads.x, *grads.parameters.values()

    found = {"forward": lambda: head.vjp(x)[0], "both": both}
    if find_spec("torch"):
        from rivals.torch_head import prepare

        found["torch forward"], found["torch both"] = prepare(head, x, g)
    return found


def _agree(head):
    """y and all gradients of 16 rows, in float64 and with soft weights: of sharp ones gradients are but rounding."""
    found = _calls(head, 16)
    ours, theirs = (_ordered(found[name]()) for name in ("both", "torch both"))
    for one, other in zip(ours, theirs, strict=True):
        error, size = np.linalg.norm(one - other), np.linalg.norm(other)
        if error > 1e-9 * size + 1e-12:
            raise WrongError(f"a result or gradient differs by {error / size:.1e}")


def _ordered(results):
    """Arrays by shape and norm: the two name parameters in different orders."""
    return sorted((np.asarray(one) for one in results if one is not None), key=lambda a: (a.shape, np.linalg.norm(a)))


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
