"""Forms of a weight under asv; ``benchmarks/peers.py --forms`` measures the same cases against others."""

from functools import lru_cache, partial
from importlib import import_module

import numpy as np

import nbbilinear as nbl
from nbbilinear.forms import FORMS

from .common import DTYPES, OneThread
from .measure import ratio
from .peers import rivals  # whose folder lies beside this one

form_numpy = import_module(f"{rivals.__name__}.form_numpy")

CASES = {  # only ever appended: name -> form, rows, in1, in2, sizes of its other letters
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
    "diagonal, 2 outputs": ("diagonal", 65536, 100, 100, {"k": 2}),
    "low rank 1": ("low_rank", 1024, 512, 512, {"k": 64, "r": 1}),
    "block term": ("block_term", 1024, 512, 512, {"k": 64, "n": 4, "p": 16, "q": 16, "s": 16}),
    "kronecker": ("kronecker", 1024, 512, 512, {"k": 64, "r": 1, "p": 16, "q": 16}),
    "low-rank kronecker": ("low_rank_kronecker", 1024, 512, 512, {"k": 64, "n": 2, "r": 4, "p": 16, "q": 16}),
    "symmetric": ("symmetric", 1024, 512, 512, {"k": 64}),
    "antisymmetric": ("antisymmetric", 1024, 512, 512, {"k": 64}),
    "sparse, 4000 places": ("sparse", 1024, 512, 512, {"k": 64, "z": 4000}),
}

BY_HAND = [case for case, (name, *_) in CASES.items() if name in form_numpy.PROGRAMS | form_numpy.OWN]


def operands(case, dtype):
    """X1, x2, the form as weight, and the gradient of y: always the same normal numbers."""
    name, rows, in1, in2, sizes = CASES[case]
    kind, rng = FORMS[name], np.random.default_rng(0)
    letters = {"i": in1, "j": in2, "h": 2} | sizes
    for side, features in zip(kind.sides, (in1, in2), strict=True):
        known = int(np.prod([letters[letter] for letter in side if letter in letters]))
        letters |= {letter: features // known for letter in side if letter not in letters}
    given = {n: rng.integers(letters[n], size=letters["z"]) for n in kind.given}
    form = kind.at(letters, lambda shape: rng.standard_normal(shape, np.dtype(dtype)), **given)
    shapes = {"x1": (rows, in1), "x2": (rows, in2), "grad_output": (rows, letters["k"])}
    return {"weight": form} | {one: rng.standard_normal(shape, np.dtype(dtype)) for one, shape in shapes.items()}


@lru_cache(maxsize=2)
def calls(case, dtype):
    """Calls of the library, and forward by hand where there is one; values agree."""
    given = operands(case, dtype)
    x1, x2, form, g = (given[name] for name in ("x1", "x2", "weight", "grad_output"))
    found = {
        "forward": lambda: nbl.bilinear(x1, x2, form),
        "backward": lambda: nbl.bilinear_backward(g, x1, x2, form),
        "both": lambda: nbl.bilinear_vjp(x1, x2, form)[1](g),
    }
    y, *_ = [call() for call in found.values()]  # compiled outside the clock
    if case in BY_HAND:
        found["by hand"], found["both by hand"] = form_numpy.prepare("", given, g)
        np.testing.assert_allclose(found["by hand"](), y, rtol=1e-2, atol=1e-3 * abs(y).max())
    return found


class Cases(OneThread):
    """One case in a dtype."""

    param_names = ("case", "dtype")
    timeout = 300

    def setup(self, case, dtype):
        super().setup()
        self.calls = calls(case, dtype)


class Forms(Cases):
    """A form's product, and its gradients."""

    params = (list(CASES), DTYPES)

    def time_forward(self, *_):
        self.calls["forward"]()

    def time_backward(self, *_):
        self.calls["backward"]()

    def time_both(self, *_):
        self.calls["both"]()

    def peakmem_forward_backward(self, *_):
        """Of the whole process, operands included."""
        self.calls["forward"]()
        self.calls["backward"]()


class FormsByHand(Cases):
    """The same where somebody wrote NumPy for it."""

    params = (BY_HAND, DTYPES)
    unit = "times the library's"

    def track_by_hand(self, *_):
        return ratio(self.calls, "by hand", "forward")

    def track_both_by_hand(self, *_):
        return ratio(self.calls, "both by hand", "both")


class FormsAtSizeOne(OneThread):
    """What a call of a form costs where there is nothing to compute, against the weight in full."""

    params = (list(FORMS),)
    param_names = ("form",)
    unit = "times an array's"

    def setup(self, name):
        super().setup()
        kind, draw = FORMS[name], partial(np.ones, dtype=np.float32)
        letters = sorted(
            {letter for axes in kind.axes.values() for letter in axes} | set("".join(kind.sides)) | set("kz")
        )
        form = kind.at(dict.fromkeys(letters, 1) | dict(kind.fixed), draw, **{n: np.zeros(1, int) for n in kind.given})
        x1, x2, weight, g = draw((1, form.shape[1])), draw((1, form.shape[2])), draw(form.shape), draw((1, 1))
        self.calls = {
            "array": lambda: nbl.bilinear(x1, x2, weight),
            "array both": lambda: nbl.bilinear_vjp(x1, x2, weight)[1](g),
            "form": lambda: nbl.bilinear(x1, x2, form),
            "form both": lambda: nbl.bilinear_vjp(x1, x2, form)[1](g),
        }

    def track_forward(self, _):
        return ratio(self.calls, "form", "array", seconds=1)

    def track_both(self, _):
        return ratio(self.calls, "form both", "array both", seconds=1)
