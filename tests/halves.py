"""Half floats: stored in 16 bits, computed with in float32, rounded once."""

import ml_dtypes
import numpy as np

NAMES = ("float16", "bfloat16")


def dtype(name):
    return np.dtype(getattr(ml_dtypes, name, name))


def widely(array):
    """In float64: without an error."""
    return None if array is None else array.astype(np.float64)


def bound(exact, stored):
    """What a sum in float32, rounded once to ``stored``, may err."""
    info = ml_dtypes.finfo(stored)
    summed = exact.bound(np.float32)
    return summed + float(info.eps) / 2 * (abs(exact.value) + summed) + float(info.smallest_subnormal)
