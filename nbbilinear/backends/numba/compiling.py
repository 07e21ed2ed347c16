"""How the portable loops are compiled.

No flag lets the compiler assume that NaN and infinities do not occur; ``reassoc`` alone makes sums vectorise.
Nothing is cached on disk: Numba's cache ignores options and callees, and is not safe between processes.
"""

from functools import lru_cache
from typing import Any

import numba
import numpy as np

loops = numba.njit(nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})


@lru_cache(maxsize=64)
def absent(dtype: np.dtype[Any], axes: int) -> np.ndarray:
    """An operand or gradient that is not there, as the compiled loops know it: no elements, the usual type."""
    return np.empty((0,) * axes, dtype)


def weights_of(which: np.ndarray | None) -> np.ndarray:
    """``which`` as the compiled loops know it: empty where every row uses weight 0."""
    return _ALL_ZERO if which is None else which


_ALL_ZERO = np.empty(0, np.int64)
