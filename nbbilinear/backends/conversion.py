"""Arrays from one dtype to another."""

import numpy as np


def convert(target: np.ndarray, source: np.ndarray) -> None:
    """Write ``source`` into ``target`` of the same shape, rounded to its dtype.

    >>> half = np.empty(2, np.float16)
    >>> convert(half, np.array([1 / 3, 1e9]))
    >>> half
    array([0.3333,    inf], dtype=float16)
    """
    with np.errstate(all="ignore"):  # what is too large for a half float is infinite there
        np.copyto(target, source, casting="unsafe")
