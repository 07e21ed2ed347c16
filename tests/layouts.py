"""The ways an array may lie in memory: every operand of every verb may come in each of them."""

import numpy as np


def unaligned(a):
    if not a.size:
        return a
    out = np.empty(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    out[...] = a
    return out


def read_only(a):
    return np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape)


def padded(a):
    """Every other element of a larger array, between NaN."""
    if not a.ndim:
        return a
    wide = np.full(tuple(2 * n + 1 for n in a.shape), np.nan if a.dtype.kind == "f" else 99, a.dtype)
    view = wide[tuple(slice(1, 2 * n + 1, 2) for n in a.shape)]
    view[...] = a
    return view


LAYOUTS = {
    "plain": np.array,
    "fortran": np.asfortranarray,
    "reversed": lambda a: a[::-1].copy()[::-1],
    "reversed features": lambda a: a[..., ::-1].copy()[..., ::-1],
    "every other": padded,
    "read-only": read_only,
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "unaligned": unaligned,
    "nested lists": lambda a: a.tolist() if a.size else a,  # a list cannot tell (0, 3) from (0,)
}


def laid(array, layout):
    """A copy of the array in a layout; None stays None, and a number without axes has one layout."""
    if array is None:
        return None
    return LAYOUTS[layout](array) if array.ndim else np.array(array)
