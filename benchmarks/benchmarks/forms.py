"""Forms of a weight against good NumPy written by hand. ``python -m benchmarks.forms`` shows ratios as a table.

What is written by hand has its parameters in the layout it likes, and no bound on its memory.
"""

from functools import lru_cache

import numpy as np

import nbbilinear as nbl
from nbbilinear.forms import FORMS

from .command import parser, table
from .common import DTYPES, OneThread
from .measure import in_turn, ratio

CASES = {  # name -> form, rows, in1, in2, sizes of its other letters
    "low rank 16": ("low_rank", 1024, 512, 512, {"k": 64, "r": 16}),
    "low rank 4": ("low_rank", 4096, 64, 64, {"k": 32, "r": 4}),
    "diagonal": ("diagonal", 4096, 128, 128, {"k": 1}),
    "diagonal, 64 outputs": ("diagonal", 1024, 512, 512, {"k": 64}),
    "complex diagonal": ("complex_diagonal", 4096, 128, 128, {"k": 1}),
    "cp": ("cp", 1024, 512, 512, {"k": 64, "r": 64}),
    "tucker": ("tucker", 1024, 512, 512, {"k": 64, "p": 32, "q": 32, "s": 32}),
    "block diagonal": ("block_diagonal", 1024, 512, 512, {"k": 64, "n": 16}),
    "sparse, 500 places": ("sparse", 4096, 25, 25, {"k": 25, "z": 500}),
    "biaffine": ("biaffine", 1024, 64, 64, {"k": 32}),
}


def _low_rank(u, v):
    k, _, rank = u.shape
    left, right = (np.ascontiguousarray(a.transpose(1, 0, 2)).reshape(a.shape[1], -1) for a in (u, v))

    def compute(x1, x2):
        return np.einsum("bkr,bkr->bk", (x1 @ left).reshape(-1, k, rank), (x2 @ right).reshape(-1, k, rank))

    return compute


def _diagonal(weight):
    return lambda x1, x2: (x1 * x2) @ weight.T


def _complex_diagonal(real, imag):
    half = real.shape[1]

    def compute(x1, x2):
        a, b, c, d = x1[:, :half], x1[:, half:], x2[:, :half], x2[:, half:]
        return (a * c + b * d) @ real.T + (a * d - b * c) @ imag.T

    return compute


def _cp(a, b, c):
    return lambda x1, x2: ((x1 @ a) * (x2 @ b)) @ c.T


def _tucker(a, b, core, c):
    flat = np.ascontiguousarray(core.transpose(2, 0, 1)).reshape(core.shape[2], -1)

    def compute(x1, x2):
        t = ((x2 @ b) @ flat).reshape(len(x2), *core.shape[:2])
        return np.einsum("bsp,bp->bs", t, x1 @ a) @ c.T

    return compute


def _block_diagonal(weight):
    k, blocks, p, q = weight.shape
    stacked = np.ascontiguousarray(weight.transpose(1, 3, 0, 2)).reshape(blocks, q, k * p)

    def compute(x1, x2):
        t = np.matmul(x2.reshape(-1, blocks, q).swapaxes(0, 1), stacked).reshape(blocks, -1, k, p)
        return np.einsum("nbkp,bnp->bk", t, x1.reshape(-1, blocks, p))

    return compute


def _sparse(values, k, i, j):
    starts = np.flatnonzero(np.diff(k, prepend=-1))
    return lambda x1, x2: np.add.reduceat(x1[:, i] * x2[:, j] * values, starts, axis=1)


def _biaffine(weight, linear1, linear2):
    flat = np.ascontiguousarray(weight.transpose(2, 0, 1)).reshape(weight.shape[2], -1)

    def compute(x1, x2):
        t = (x2 @ flat).reshape(len(x2), len(weight), -1)
        return np.matmul(t, x1[:, :, None])[:, :, 0] + x1 @ linear1.T + x2 @ linear2.T

    return compute


BY_HAND = {
    "low_rank": _low_rank, "diagonal": _diagonal, "complex_diagonal": _complex_diagonal, "cp": _cp, "tucker": _tucker,
    "block_diagonal": _block_diagonal, "sparse": _sparse, "biaffine": _biaffine,
}  # fmt: skip


@lru_cache(maxsize=2)
def calls(case, dtype):
    """Forward and backward of the library, forward by hand and by the expanded weight; values agree."""
    name, rows, in1, in2, sizes = CASES[case]
    kind, rng = FORMS[name], np.random.default_rng(0)
    letters = {"i": in1, "j": in2, "h": 2} | sizes
    for side, features in zip(kind.sides, (in1, in2), strict=True):
        known = int(np.prod([letters[letter] for letter in side if letter in letters]))
        letters |= {letter: features // known for letter in side if letter not in letters}
    given = {n: rng.integers(letters[n], size=letters["z"]) for n in kind.given}
    form = kind.at(letters, lambda shape: rng.normal(size=shape).astype(dtype), **given)
    x1, x2 = (rng.normal(size=(rows, features)).astype(dtype) for features in (in1, in2))
    parameters = list(form.parameters.values())
    if name == "sparse":
        where = form.where
        parameters = [parameters[0][where.order], where.k, where.i, where.j]
    by_hand = BY_HAND[name](*parameters)
    y = nbl.bilinear(x1, x2, form)
    np.testing.assert_allclose(by_hand(x1, x2), y, rtol=1e-2, atol=1e-3 * abs(y).max())
    nbl.bilinear_backward(y, x1, x2, form)  # compiled outside the clock
    weight = form.expand() if not form.appends_ones else parameters[0]
    return {
        "forward": lambda: nbl.bilinear(x1, x2, form),
        "backward": lambda: nbl.bilinear_backward(y, x1, x2, form),
        "by hand": lambda: by_hand(x1, x2),
        "full": lambda: nbl.bilinear(x1, x2, weight),
    }


class Forms(OneThread):
    """A form's product, and what it takes in the place of NumPy by hand and of the full weight."""

    params = (list(CASES), DTYPES)
    param_names = ("case", "dtype")
    timeout = 300
    unit = "times the library's"

    def setup(self, case, dtype):
        super().setup()
        self.calls = calls(case, dtype)

    def time_forward(self, *_):
        self.calls["forward"]()

    def time_backward(self, *_):
        self.calls["backward"]()

    def track_by_hand(self, *_):
        return ratio(self.calls, "by hand", "forward")


def main():
    """Times and ratios of every case."""
    options = parser(__doc__).parse_args()
    rows = []
    with nbl.config(threads=1):
        for case in CASES:
            measured = in_turn(calls(case, options.dtype), rounds=15, seconds=options.seconds)
            ms = {name: f"{1e3 * np.median(samples):.2f}" for name, samples in measured.items()}
            over = {name: f"{np.median(measured[name] / measured['forward']):.2f}" for name in ("by hand", "full")}
            rows.append([case, *ms.values(), *over.values()])
    head = ["case", "forward, ms", "backward, ms", "by hand, ms", "full, ms", "by hand / ours", "full / ours"]
    table(f"forms, {options.dtype}, one thread, CPU time", head, rows)


if __name__ == "__main__":
    main()
