"""Training to look at: a live panel on a terminal, plain lines anywhere else."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..kg.settings import EpochReport
from .pulse import Pulse

_BLOCKS = "▁▂▃▄▅▆▇█"


class Display:
    """What a run shows of its training; this one shows plain lines.

    Parameters
    ----------
    console : rich.console.Console
    title : str
    epochs : int
        How many there will be.
    reports : list of EpochReport
        Of epochs that were before.
    """

    def __init__(self, console: Console, title: str, epochs: int, reports: list[EpochReport]) -> None:
        self.console, self.title, self.epochs, self.reports = console, title, epochs, list(reports)
        self.stage, self.part = "", 0.0
        self._pulse = Pulse(console)

    def show(self, report: EpochReport) -> None:
        """Show what an epoch did."""
        self.reports.append(report)
        self.stage, self.part = "", 0.0
        due = report.epoch % max(1, self.epochs // 16) == 0 or report.epoch in (1, self.epochs)
        if due or self._pulse.due():
            rank = f"   validation MRR {report.valid.mrr:.3f}" if report.valid else ""
            speed = f"{report.triples_per_second:,.0f} triples/s"
            self._pulse.line(f"  {self._count(report.epoch)}   loss {report.loss:.3f}{rank}   {speed}")

    def watch(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage of an epoch has come."""
        self.stage, self.part = stage, done / max(total, 1)
        if self._pulse.due():
            self._pulse.line(f"  {self._count(len(self.reports) + 1)}   {stage} {self.part:.0%}")

    def _count(self, epoch: int) -> str:
        return f"epoch {epoch:>{len(str(self.epochs))}}/{self.epochs}"


class _Panel(Display):
    """The same as a panel, drawn anew twelve times a second by a thread of its own."""

    begin = 0.0

    def show(self, report: EpochReport) -> None:
        self.reports.append(report)
        self.stage, self.part = "", 0.0

    def watch(self, stage: str, done: int, total: int) -> None:
        self.stage, self.part = stage, done / max(total, 1)

    def draw(self) -> RenderableType:
        reports, done = self.reports, len(self.reports)
        ranked = [report.valid.mrr for report in reports if report.valid]
        figures = Table.grid(expand=True, padding=(0, 2))
        for _ in range(4):
            figures.add_column(justify="left", no_wrap=True)
        figures.add_row(*(Text(name, style="dim") for name in ("epoch", "loss", "validation MRR", "training")))
        figures.add_row(
            Text(f"{done}/{self.epochs}", style="bold"),
            Text(f"{reports[-1].loss:.3f}" if reports else "-", style="bold"),
            Text(f"{ranked[-1]:.3f}" if ranked else "-", style="bold cyan"),
            Text(f"{reports[-1].triples_per_second:,.0f} triples/s" if reports else "-", style="bold"),
        )
        # Ranking is not counted in: a bar that runs back is worse than one that waits.
        part = 0 if done == self.epochs or not self.stage else self.part if self.stage == "training" else 1
        bar = ProgressBar(total=self.epochs, completed=done + part, complete_style="cyan", finished_style="cyan")
        stage = f"{self.stage} {self.part:.0%}   " if self.stage else ""
        return Panel(
            Group(figures, Text(), bar, _curve(self.console, ranked)),
            title=Text(self.title),
            title_align="left",
            subtitle=Text(f"{stage}{perf_counter() - self.begin:.1f} s"),
            subtitle_align="right",
            border_style="dim",
            padding=(1, 2),
            width=min(self.console.width, 92),
        )


@contextmanager
def progress(console: Console, title: str, epochs: int, reports: list[EpochReport] | None = None) -> Iterator[Display]:
    """Give a display that shows reports; on a terminal the panel stays there with its last state."""
    if not console.is_terminal:
        console.print(title, soft_wrap=True)
        yield Display(console, title, epochs, reports or [])
        return
    panel = _Panel(console, title, epochs, reports or [])
    panel.begin = perf_counter()
    with Live(get_renderable=panel.draw, console=console, refresh_per_second=12) as live:
        try:
            yield panel
        finally:
            panel.stage = ""
            live.refresh()


def _curve(console: Console, values: list[float]) -> Text:
    """Validation MRR so far as a row of small columns, from the least to the greatest."""
    if console.options.ascii_only or len(values) < 2:
        return Text()
    low, span = min(values), max(max(values) - min(values), 1e-9)
    columns = "".join(_BLOCKS[round((value - low) / span * 7)] for value in values[:: -(-len(values) // 40)])
    return Text(f"\n{columns}  validation MRR, {low:.3f} to {max(values):.3f}", style="cyan")
