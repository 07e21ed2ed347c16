"""Covering arrays: few rows in which every two values of any two factors meet at least once.

Most faults need one value, or two that meet. A full product of ten factors has millions of rows; this has some eighty.
"""

from itertools import combinations, product


def rows(factors):
    """Rows, as dicts, for ``factors``: name -> values. The same rows in every process."""
    names, missing = list(factors), set()
    for one, other in combinations(names, 2):
        missing |= {((one, a), (other, b)) for a, b in product(factors[one], factors[other])}
    found, order = [], {pair: place for place, pair in enumerate(sorted(missing, key=repr))}
    while missing:
        row = dict(min(missing, key=order.__getitem__))
        for name in names:
            if name not in row:
                row[name] = max(factors[name], key=lambda value, name=name: _gain(row, name, value, missing))
        missing -= {_pair(names, row, one, other) for one, other in combinations(names, 2)}
        found.append({name: row[name] for name in names})
    return found


def _pair(names, row, one, other):
    first, second = sorted((one, other), key=names.index)
    return ((first, row[first]), (second, row[second]))


def _gain(row, name, value, missing):
    """How many pairs that are still missing this value makes with those chosen."""
    return sum(((name, value), chosen) in missing or (chosen, (name, value)) in missing for chosen in row.items())
