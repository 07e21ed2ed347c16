"""Bugs that would end or hold up the process they are in."""

from functools import cache, partial

from conformance import test_product

from ..bugs import lines


@cache
def rows(kernel):
    """The check of a kernel: rows."""
    return partial(test_product.hold_every_third, kernel, "rows", test_product.rows_for(kernel, "rows"))


PORTABLE = "numba/portable"
LINES = [
    ("numba.portable.rows", "out[b, k] = y", "out[b + (1 << 40), k] = y", PORTABLE),  # a wild store
    (
        "numba.portable.rows",
        "out[b, k] = y",
        "out[b, k] = out[b + x1.shape[0], k] = y",
        PORTABLE,
    ),  # the row after the last
    (
        "numba.portable.rows",
        "for j in range(x2.shape[1]):",
        "for j in range(1 << 60):",
        PORTABLE,
    ),  # reads beyond its end
    (
        "numba.portable.rows",
        "out[b, k] = y",
        "while y == y or y != y:\n                y += out[b, k]",
        PORTABLE,
    ),  # for ever
]
BUGS = lines(LINES, rows, "backends.")
