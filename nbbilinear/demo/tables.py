"""Results as tables: link prediction beside what others report, and the step on every kernel."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .published import Known, Row
from .step import DEFINITION, Timing


def results(title: str, own: Row, known: Known) -> RenderableType:
    """Our metrics, then those of others; where each comes from stands below."""
    table = _table(("model", "MRR", "hits@1", "hits@3", "hits@10"))
    for row, style in [(own, "bold cyan"), *((other, "") for other in known.rows)]:
        table.add_row(row.model, *(f"{value:.{row.decimals}f}" for value in row.metrics), style=style)
    notes = _notes((row.model, row.source) for row in (own, *known.rows))
    return Group("", Text(title, style="bold"), table, notes, Padding(known.caveat, (1, 0, 0, 2)))


def steps(title: str, timings: Sequence[Timing]) -> RenderableType:
    """Time of every kernel that can, and its distance from the definition; below, why others cannot."""
    table = _table(("kernel", "median", "speed", "difference", "first call"))
    ran = sorted((timing for timing in timings if not timing.reason), key=lambda timing: timing.median)
    reference = next(timing.median for timing in ran if timing.kernel == DEFINITION)
    for timing in ran:
        table.add_row(
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
    notes = _notes([*explained, *((timing.kernel, timing.reason) for timing in timings if timing.reason)])
    return Group("", Text(title, style="bold"), table, notes, "")


def _table(columns: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="dim")
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right", no_wrap=True)
    return table


def _notes(lines: Iterable[tuple[str, str]]) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(style="dim")
    for name, text in lines:
        grid.add_row(name, Text(text))
    return Padding(grid, (0, 0, 0, 2))
