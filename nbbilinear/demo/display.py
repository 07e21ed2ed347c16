"""Training to look at: a live panel on a terminal, plain lines anywhere else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..kg.training import EpochReport

_BLOCKS = "▁▂▃▄▅▆▇█"


@contextmanager
def progress(console: Console, title: str, epochs: int) -> Iterator[Callable[[EpochReport], None]]:
    """Give a function that shows a report; on a terminal the panel stays there with its last state."""
    if not console.is_terminal:
        console.print(title)
        yield lambda report: _line(console, report, epochs)
        return
    reports: list[EpochReport] = []
    begin = perf_counter()
    with Live(_panel(console, title, reports, epochs, 0.0), console=console, refresh_per_second=12) as live:

        def show(report: EpochReport) -> None:
            reports.append(report)
            live.update(_panel(console, title, reports, epochs, perf_counter() - begin))

        yield show


def _line(console: Console, report: EpochReport, epochs: int) -> None:
    if report.valid and (report.epoch % max(1, epochs // 16) == 0 or report.epoch in (1, epochs)):
        speed = f"{report.triples_per_second:,.0f} triples/s"
        count = f"epoch {report.epoch:>{len(str(epochs))}}/{epochs}"
        console.print(f"  {count}   loss {report.loss:.3f}   validation MRR {report.valid.mrr:.3f}   {speed}")


def _panel(console: Console, title: str, reports: list[EpochReport], epochs: int, seconds: float) -> RenderableType:
    done = reports[-1].epoch if reports else 0
    ranked = [report.valid.mrr for report in reports if report.valid]
    figures = Table.grid(expand=True, padding=(0, 2))
    for _ in range(4):
        figures.add_column(justify="left", no_wrap=True)
    figures.add_row(*(Text(name, style="dim") for name in ("epoch", "loss", "validation MRR", "training")))
    figures.add_row(
        Text(f"{done}/{epochs}", style="bold"),
        Text(f"{reports[-1].loss:.3f}" if reports else "-", style="bold"),
        Text(f"{ranked[-1]:.3f}" if ranked else "-", style="bold cyan"),
        Text(f"{reports[-1].triples_per_second:,.0f} triples/s" if reports else "-", style="bold"),
    )
    bar = ProgressBar(total=epochs, completed=done, complete_style="cyan", finished_style="cyan")
    return Panel(
        Group(figures, Text(), bar, _curve(console, ranked)),
        title=title,
        title_align="left",
        subtitle=f"{seconds:.1f} s",
        subtitle_align="right",
        border_style="dim",
        padding=(1, 2),
        width=min(console.width, 92),
    )


def _curve(console: Console, values: list[float]) -> Text:
    """Validation MRR so far as a row of small columns, from the least to the greatest."""
    if console.options.ascii_only or len(values) < 2:
        return Text()
    low, span = min(values), max(max(values) - min(values), 1e-9)
    columns = "".join(_BLOCKS[round((value - low) / span * 7)] for value in values[:: -(-len(values) // 40)])
    return Text(f"\n{columns}  validation MRR, {low:.3f} to {max(values):.3f}", style="cyan")
