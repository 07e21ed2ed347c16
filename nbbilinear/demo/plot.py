"""The picture: loss and validation MRR over the epochs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..kg.training import EpochReport
from .published import Row

INK, FAINT, LOSS, RANK, MARK = "#1f2933", "#9aa5b1", "#7b8794", "#0b69a3", "#c65d21"


def draw(path: Path, title: str, reports: Sequence[EpochReport], published: Row, test_mrr: float) -> None:
    """Draw two panels side by side into a PNG of 1500 x 660 pixels.

    Parameters
    ----------
    path : pathlib.Path
    title : str
    reports : sequence of EpochReport
    published : Row
        Its MRR is the line to compare with.
    test_mrr : float
    """
    figure = Figure(figsize=(10, 4.4), dpi=150, facecolor="white", layout="constrained")
    figure.suptitle(title, x=0.012, ha="left", color=INK, fontsize=13, fontweight="bold")
    left, right = figure.subplots(1, 2)
    _panel(left, "Loss per question (cross-entropy)")
    left.plot([r.epoch for r in reports], [r.loss for r in reports], color=LOSS, linewidth=2)
    _panel(right, "Mean reciprocal rank (filtered)")
    _ranks(right, reports, published, test_mrr)
    figure.savefig(path)


def _ranks(axes: Any, reports: Sequence[EpochReport], published: Row, test_mrr: float) -> None:
    points = [(r.epoch, r.valid.mrr) for r in reports if r.valid]
    last, valid_mrr = points[-1]
    axes.axhline(published.metrics.mrr, color=FAINT, linewidth=1.2, linestyle=(0, (5, 3)))
    axes.plot(*zip(*points, strict=True), color=RANK, linewidth=2, marker="o", markersize=3.5)
    axes.plot(last, test_mrr, marker="D", markersize=6, color=MARK, linestyle="none", clip_on=False, zorder=3)
    axes.set_ylim(0, 1)
    lines = [
        (f"test {test_mrr:.3f}", MARK),
        (f"validation {valid_mrr:.3f}", RANK),
        (f"{published.model}, published: {published.metrics.mrr:.2f}", FAINT),
    ]
    for place, (text, color) in enumerate(lines):
        axes.text(0.97, 0.24 - 0.08 * place, text, color=color, ha="right", transform=axes.transAxes, fontsize=11)


def _panel(axes: Any, title: str) -> None:
    axes.set_title(title, loc="left", color=INK, fontsize=11)
    axes.set_xlabel("epoch", color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(colors=INK, length=0)
    axes.grid(axis="y", color="#e4e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
