"""The printed tables."""

import sys

from benchmarks.command import table
from rivals import BY_HAND

from .field import DIRECTIONS, OURS

LEGEND = """
Of ours the time of a call; of the others how many times that they take, the median over rounds: above 1, ours is
faster. `=` is what ours chooses anyway. `slow` was not run, after it took long in the other dtype, on fewer threads, or
forward.
"""


def columns(results):
    """Of everybody, in the order of the first table that has them."""
    found = dict.fromkeys(one["column"] for result in results for one in result["field"].values())
    return [column for column in found if column != OURS]


def fastest(result, column):
    """Name and numbers of the best in a column; None where it is empty."""
    there = [(name, one) for name, one in result["field"].items() if one["column"] == column]
    return min(there, key=_order, default=None)


def best_rival(result, ours):
    """The fastest of those that are not ours."""
    there = [(name, one) for name, one in result["field"].items() if one["column"] not in (OURS, *ours)]
    return min(there, key=_order, default=None)


def groups(results):
    """The results of each table, by its title."""
    found = {}
    for result in results:
        threads = f"{result['threads']} thread{'s' * (result['threads'] > 1)}"
        title = f"{result['structure']}, {result['direction']}, {result['dtype']}, {threads}"
        found.setdefault(title, []).append(result)
    return dict(sorted(found.items(), key=lambda item: _place(item[1][0])))


def show(document):
    """All tables."""
    for title, results in groups(document["results"]).items():
        names = columns(results)
        own = [name for name in document["ours"] if name in names]
        head = ["size", "ours, µs", *(name for name in names), "best", "its ratio"]
        table(title, head, [_row(result, names, own) for result in results])
    sys.stdout.write(LEGEND)
    fewest = min(result["threads"] for result in document["results"])
    for title, results in groups([one for one in document["results"] if one["threads"] == fewest]).items():
        names = columns(results)
        table(
            f"{title}: memory beside operands and results, MB",
            ["size", "ours", *names],
            [[result["size"], *(_memory(fastest(result, name)) for name in (OURS, *names))] for result in results],
        )


def _row(result, names, own):
    best = best_rival(result, own)
    cells = [_ratio(fastest(result, name)) for name in names]
    name, ratio = ("", "") if best is None or "ratio" not in best[1] else (best[0], f"{best[1]['ratio']:.2f}")
    return [result["size"], f"{result['field'][OURS]['seconds'] * 1e6:,.1f}", *cells, name, ratio]


def _ratio(found):
    if found is None:
        return ""
    name, one = found
    if "ratio" not in one:
        return "=" if "same" in one else "slow"
    text = f"{one['ratio']:.2f}" if one["ratio"] < 10 else f"{one['ratio']:.1f}"
    return f"{text} ({name})" if one["column"] == BY_HAND else text


def _memory(found):
    if found is None:
        return ""
    one = found[1]
    if "ratio" not in one:
        return "=" if "same" in one else "slow"
    return "unknown" if one["extra_bytes"] is None else f"{one['extra_bytes'] / 1e6:,.0f}"


def _order(pair):
    return pair[1].get("ratio", float("inf"))


def _place(result):
    return result["threads"], result["dtype"], DIRECTIONS.index(result["direction"]), result["structure"]
