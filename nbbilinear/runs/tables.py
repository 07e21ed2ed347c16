"""Results as a table, and how all tables of a run look."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .results import Row


def results(title: str, rows: Sequence[Row], caveat: str = "") -> RenderableType:
    """Metrics, ours in the first row; where each comes from stands below."""
    shown = table(("model", "MRR", "hits@1", "hits@3", "hits@10"))
    for row in rows:
        values = (f"{value:.{row.decimals}f}" for value in row.metrics)
        shown.add_row(row.model, *values, style="bold cyan" if row is rows[0] else "")
    below = notes((row.model, row.source) for row in rows)
    return Group("", Text(title, style="bold"), shown, below, Padding(caveat, (1, 0, 0, 2)) if caveat else "")


def table(columns: Sequence[str]) -> Table:
    """Return an empty table; the first column is text, the others numbers."""
    found = Table(box=box.SIMPLE_HEAD, header_style="dim")
    for column in columns:
        found.add_column(column, justify="left" if column == columns[0] else "right", no_wrap=True)
    return found


def notes(lines: Iterable[tuple[str, str]]) -> RenderableType:
    """Return names and what is to be said of them, in two columns."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(style="dim")
    for name, text in lines:
        grid.add_row(name, Text(text))
    return Padding(grid, (0, 0, 0, 2))
