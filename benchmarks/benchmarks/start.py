"""Import and first call, each in a fresh process."""

from .common import DTYPES, kernels, places, takers

WHO = tuple(dict.fromkeys([*places(), *takers(kernels(), "rows", ("32x10x20x5",))]))  # backends, and kernels by name


class Start:
    """Seconds by the clock; the time of an empty process is beside them."""

    repeat = 5
    rounds = 1

    def timeraw_import(self):
        return "import nbbilinear"

    def timeraw_import_numpy(self):
        return "import numpy"

    def timeraw_first_njit(self):
        """What a process pays for Numba at least: the unit for first calls."""
        return "import numba; numba.njit(lambda x: x + 1)(1)"


class FirstCall:
    """From the operands to y, or to the gradients: backend found, compiled, run."""

    params = (WHO, DTYPES)
    param_names = ("backend", "dtype")
    repeat = 3
    rounds = 1
    timeout = 120

    def timeraw_forward(self, backend, dtype):
        return f"nbl.bilinear(x1, x2, weight, bias, backend={backend!r})", _OPERANDS.format(dtype=dtype)

    def timeraw_backward(self, backend, dtype):
        return f"nbl.bilinear_backward(g, x1, x2, weight, bias, backend={backend!r})", _OPERANDS.format(dtype=dtype)


_OPERANDS = """
import numpy as np
import nbbilinear as nbl
x1, x2, weight, bias, g = (np.ones(shape, {dtype!r}) for shape in ((8, 4), (8, 5), (3, 4, 5), (3,), (8, 3)))
"""
