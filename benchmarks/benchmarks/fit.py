"""The constants of a Speed that fit measured times: seconds = flop / a + bytes / b + calls * c."""

from itertools import combinations

import numpy as np

CONSTANTS = ("kernels", "structure", "flop/s", "bytes/s", "s per call", "typical error")


def fit(measured):
    """Table rows: for each Speed, then for each kernel alone. ``measured`` maps orders to seconds."""
    together, alone = {}, {}
    for order, seconds in measured.items():
        kernel = order.choice.kernel
        together.setdefault(id(kernel.speed), []).append((order, seconds))
        alone.setdefault((kernel.name, kernel.structure), []).append((order, seconds))
    return [_fitted(group, "all") for group in together.values()] + [
        _fitted(group, structure) for (_, structure), group in alone.items()
    ]


def constants(work, seconds, rounds=30):
    """Seconds per flop, byte and call, none negative, that come nearest to ``seconds`` in ratio.

    Least squares of the relative errors, reweighted towards their absolute values so that outliers count little.
    """
    columns = work / seconds[:, None]
    weights = np.ones(len(columns))
    for _ in range(rounds):
        found = _not_negative(columns * weights[:, None], weights)
        weights = 1 / np.sqrt(np.maximum(abs(columns @ found - 1), 1e-2))
    return found


def _not_negative(matrix, target):
    """The best of the least-squares solutions over some of the columns that has no negative number."""
    best, least = np.zeros(matrix.shape[1]), np.inf
    for count in range(1, matrix.shape[1] + 1):
        for some in combinations(range(matrix.shape[1]), count):
            found = np.zeros(matrix.shape[1])
            found[list(some)] = np.linalg.lstsq(matrix[:, some], target)[0]
            error = float(np.sum((matrix @ found - target) ** 2))
            if (found >= 0).all() and error < least:
                best, least = found, error
    return best


def _rate(seconds):
    return f"{1 / seconds:.1e}" if seconds else "any"


def _fitted(group, structure):
    names = dict.fromkeys(order.choice.kernel.name for order, _ in group)
    seconds = np.array([one for _, one in group])
    work = np.array([order.work for order, _ in group], float)
    per_flop, per_byte, per_call = found = constants(work, seconds)
    off = np.exp(np.median(abs(np.log(np.maximum(work @ found, 1e-9) / seconds))))
    return [", ".join(names), structure, _rate(per_flop), _rate(per_byte), f"{per_call:.1e}", f"{off:.2f} times"]
