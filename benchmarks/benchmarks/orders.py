"""How fast every kernel is: what the Speed of each is fitted to. ``python -m benchmarks.orders`` shows it as tables.

Measured is the kernel with the arrangement of its operands, not the door in front of it: that is the same for all.
"""

from dataclasses import dataclass

import numpy as np

import nbbilinear as nbl
from nbbilinear import execute
from nbbilinear.execute import BilinearGrads

from .command import chosen_sizes, parser, table
from .common import DTYPES, LARGE, SIZES, SMALL, OneThread, Product, draw, kernels, takers
from .fit import fit
from .measure import in_turn

MEASURED = {"rows": SIZES["rows"]} | {  # at size one all structures are rows
    structure: {name: size for name, size in SIZES[structure].items() if name != "one"}
    for structure in ("pairs", "index", "one against all")
}


@dataclass(frozen=True, eq=False)
class Order:
    """A kernel on a product, as the plan sees it."""

    product: Product
    backward: bool
    choice: execute.Choice

    @property
    def work(self):
        return self.choice.kernel.work(self.choice.problem)

    def call(self):
        """The bare computation, on memory that is there already."""
        operands = draw(self.product)
        arrays = [operands[name] for name in ("x1", "x2", "weight")]
        index, workspace = operands.get("index"), self.choice.scratch()
        if not self.backward:
            out = np.empty(self.choice.problem.out_shape, self.product.dtype)
            return lambda: execute.forward(self.choice, *arrays, operands.get("bias"), index, out, workspace)
        grads = BilinearGrads(
            **{name: np.empty_like(operands[name]) for name in BilinearGrads._fields if name in operands}
        )
        return lambda: execute.backward(
            self.choice, operands["grad_output"], *arrays, index, grads, workspace, accumulate=False
        )


def orders(product, backward, seconds):
    """Every kernel that takes a product and is expected to be done in ``seconds``, the plan's choice first."""
    choices = product.plan(backward=backward).choices
    return [Order(product, backward, choice) for choice in choices if choice.seconds <= seconds]


FOR_ROWS = takers(kernels(), "rows", ["32x10x20x5"])


class Speed(OneThread):
    """Flop of the kernel's own count per CPU second."""

    params = (takers(kernels(), "rows", SMALL), SMALL, DTYPES)
    param_names = ("kernel", "size", "dtype")
    unit = "GFLOP/s"

    def track_forward(self, kernel, size, dtype):
        return _gigaflops(kernel, Product("rows", size, dtype), backward=False)

    def track_backward(self, kernel, size, dtype):
        return _gigaflops(kernel, Product("rows", size, dtype), backward=True)


class SpeedOfLarge(Speed):
    params = (takers(kernels(), "rows", LARGE, seconds=20), LARGE, ("float32",))
    timeout = 600


class SpeedOfTheSlow(Speed):
    """The kernels too slow for ``Speed``, on sizes they are not too slow for."""

    params = (
        [kernel for kernel in FOR_ROWS if kernel not in Speed.params[0]],
        [size for size in SMALL if takers(FOR_ROWS, "rows", [size], seconds=0.2) == FOR_ROWS],
        DTYPES,
    )


def _gigaflops(kernel, product, backward):
    order = Order(product, backward, product.plan(kernel, backward=backward).chosen)
    samples = in_turn({"it": order.call()}, rounds=5)["it"]
    return order.work.flop / np.median(samples) / 1e9


def main():
    """Print measured against expected times, the constants that fit, and how good the plan's choices were."""
    options = parser(__doc__)
    options.add_argument("--slowest", type=float, default=4.0, help="leave out kernels expected to take longer, in s")
    options = options.parse_args()
    measured, choices = {}, []
    with nbl.config(threads=1):
        for product in chosen_sizes(options, MEASURED):
            for backward in (False, True):
                here = orders(product, backward, options.slowest)
                samples = in_turn({order: order.call() for order in here}, seconds=options.seconds)
                seconds = {order: float(np.median(some)) for order, some in samples.items()}
                measured |= seconds
                choices.append((here[0], seconds))
    for backward in (False, True):
        table(
            f"{'backward' if backward else 'forward'}, {options.dtype}",
            ["kernel", "structure", "size", "GFLOP/s", "measured µs", "expected µs", "measured/expected"],
            [_row(order, seconds) for order, seconds in measured.items() if order.backward == backward],
        )
    table(
        "constants that fit",
        ["kernels", "structure", "flop/s", "bytes/s", "s per call", "typical error"],
        fit(measured),
    )
    table("the plan's choice", ["", "size", "chosen", "fastest", "chosen/fastest"], [_judged(*one) for one in choices])
    slower = np.array([seconds[chosen] / min(seconds.values()) for chosen, seconds in choices])
    table(
        "over all",
        ["problems", "fastest chosen", "within 1.3 times", "worst"],
        [[len(slower), int((slower == 1).sum()), int((slower <= 1.3).sum()), f"{slower.max():.2f}"]],
    )


def _row(order, seconds):
    expected, product = order.choice.seconds, order.product
    return [
        order.choice.label, product.structure, product.size, f"{order.work.flop / seconds / 1e9:.2f}",
        f"{seconds * 1e6:,.1f}", f"{expected * 1e6:,.1f}", f"{seconds / expected:.2f}",
    ]  # fmt: skip


def _judged(chosen, seconds):
    fastest = min(seconds, key=seconds.get)
    product, direction = chosen.product, "backward" if chosen.backward else "forward"
    return [
        direction, f"{product.structure} {product.size}", chosen.choice.label, fastest.choice.label,
        f"{seconds[chosen] / seconds[fastest]:.2f}",
    ]  # fmt: skip


if __name__ == "__main__":
    main()
