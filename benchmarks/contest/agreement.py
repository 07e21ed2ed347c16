"""Whether two runs say the same."""

import sys

from benchmarks.command import table

from .field import OURS

DIFFERENT = 0.10
WORK = 20e-6  # seconds of ours, below which a call is mostly overhead and ratios are not compared


def compare(old, new):
    """Print the ratios that differ; return how many."""
    before, after = _ratios(old), _ratios(new)
    both = [key for key in before if key in after]
    rows = []
    for key in both:
        change = max(before[key], after[key]) / min(before[key], after[key]) - 1
        if change > DIFFERENT:
            rows.append([*key, f"{before[key]:.3g}", f"{after[key]:.3g}", f"{change:.0%}"])
    if rows:
        head = ["structure", "size", "dtype", "direction", "threads", "who", "before", "now", "change"]
        table(
            f"ratios that differ by more than {DIFFERENT:.0%}", head, sorted(rows, key=lambda row: row[4:5] + row[:4])
        )
    sys.stdout.write(f"\n{len(rows)} of {len(both)} ratios differ by more than {DIFFERENT:.0%}\n")
    return len(rows)


def _ratios(document):
    """Of all that were measured, by what and who, where there is work."""
    return {
        (*(str(result[name]) for name in ("structure", "size", "dtype", "direction", "threads")), name): one["ratio"]
        for result in document["results"]
        for name, one in result["field"].items()
        if result["field"][OURS]["seconds"] > WORK and name != OURS and "ratio" in one
    }
