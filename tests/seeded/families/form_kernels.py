"""Fused kernels of forms, on vectors: what writes their tiles, and the loops that call them."""

from functools import cache, partial

import pytest
from conformance import test_forms_at_once

from ..bugs import lines


@cache
def every_size(name):
    """The check of a form's kernel."""
    return partial(_every_size, name)


def _every_size(name):
    for way in test_forms_at_once.WAYS:
        with pytest.MonkeyPatch.context() as patch:
            test_forms_at_once.test_kernels_bit_for_bit(name, way, patch)
    test_forms_at_once.at_once.kernel_for.cache_clear()


LINES = [  # module, what stands there, what is put in its place, the form
    ("tiles", "words.multiply(a, b), z", "words.plus(a, b), z", "low_rank"),
    ("tiles", "places[-1][0]", "places[0][0]", "low_rank"),
    ("tiles", "(None, output, words.times(output, 2))", "(None, output, output)", "low_rank"),
    ("tiles", "map(words.plus, sums, here)", "here", "low_rank"),
    ("low_rank", "first, stop - first, rank", "first, stop - first - 1, rank", "low_rank"),
    ("low_rank", "z + p * z_bytes, y_panels", "z, y_panels", "low_rank"),
    ("mixed", "z_bytes + r * line,", "z_bytes,", "cp"),
    ("mixed", "b_tiles + r * in2 * size", "b_tiles", "cp"),
    ("mixed", "mix, where(c) + k * row", "mix, where(c)", "diagonal"),
    ("tiles", "there = self.add(address, self._apart)", "there = address", "diagonal"),
]

BUGS = lines(LINES, every_size, "backends.numba.forms.")
