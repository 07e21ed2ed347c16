"""How sure a median is."""

from math import comb

import numpy as np

SURE = 0.9
TIGHT = 0.025  # of the median, to either side
FEW, ENOUGH = 3, 7  # below FEW nothing is sure; below ENOUGH all samples have to lie within TIGHT


def is_tight(values):
    """Whether the median of such numbers is known well enough."""
    if len(values) < FEW:
        return False
    low, high = interval(values) if len(values) >= ENOUGH else (min(values), max(values))
    return high - low <= 2 * TIGHT * np.median(values)


def interval(values):
    """Two of the numbers, between which the median lies for ``SURE``, whatever their distribution."""
    ordered, left_out = sorted(values), 0
    while 1 - 2 * sum(comb(len(ordered), n) for n in range(left_out + 2)) / 2 ** len(ordered) >= SURE:
        left_out += 1
    return ordered[left_out], ordered[-1 - left_out]


def undisturbed(values, waited):
    """The values whose sample waited for a core least: all that hardly waited, and at least half."""
    limit = max(0.02, float(np.median(waited)))
    return [value for value, share in zip(values, waited, strict=True) if share <= limit]
