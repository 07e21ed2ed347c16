"""The step on every kernel as a table."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from ..runs.tables import notes, table
from .step import DEFINITION, Timing


def steps(title: str, timings: Sequence[Timing]) -> RenderableType:
    """Time of every kernel that can, and its distance from the definition; below, why others cannot."""
    shown = table(("kernel", "median", "speed", "difference", "first call"))
    ran = sorted((timing for timing in timings if not timing.reason), key=lambda timing: timing.median)
    reference = next(timing.median for timing in ran if timing.kernel == DEFINITION)
    for timing in ran:
        shown.add_row(
            timing.kernel,
            f"{timing.median * 1e3:.2f} ms",
            f"{reference / timing.median:.3g}x",
            f"{timing.difference:.0e}",
            f"{timing.first:.2f} s",
            style="bold cyan" if timing is ran[0] else "",
        )
    explained = [
        ("speed", f"times that of {DEFINITION}, the definition"),
        ("difference", "of gradients from the definition's in float64, relative to their largest value"),
        ("first call", "with compilation, unless training had it compiled"),
    ]
    below = notes([*explained, *((timing.kernel, timing.reason) for timing in timings if timing.reason)])
    return Group("", Text(title, style="bold"), shown, below, "")
