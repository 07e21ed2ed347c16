"""The picture: loss and validation MRR over the epochs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from warnings import catch_warnings, filterwarnings

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..kg.settings import EpochReport
from .results import Row

_INK, _FAINT, _GRID = "#1f2933", "#7b8794", "#e4e7eb"
_DASHES = ((5, 3), (1.5, 1.5), (5, 2, 1, 2))
_LOSS, _RANK, _TEST = "#52606d", "#0b69a3", "#c65d21"


def draw(path: Path, title: str, reports: Sequence[EpochReport], test_mrr: float, others: Sequence[Row] = ()) -> None:
    """Draw two panels side by side into a PNG of 1500 x 660 pixels.

    Parameters
    ----------
    path : pathlib.Path
    title : str
    reports : sequence of EpochReport
    test_mrr : float
    others : sequence of Row
        Results of others, whose test MRR are lines to compare with.
    """
    figure = Figure(figsize=(10, 4.4), dpi=150, facecolor="white", layout="constrained")
    figure.suptitle(title, x=0.03, ha="left", color=_INK, fontsize=13, fontweight="bold", parse_math=False)
    left, right = figure.subplots(1, 2)
    _panel(left, "Loss per question (cross-entropy)", len(reports))
    left.plot([r.epoch for r in reports], [r.loss for r in reports], color=_LOSS, linewidth=2, marker=_alone(reports))
    _panel(right, "Mean reciprocal rank (filtered, 1 is best)", len(reports))
    _ranks(right, reports, test_mrr, others)
    with catch_warnings():
        filterwarnings("ignore", "Glyph")  # a letter of the title that the font lacks is drawn as a box
        figure.savefig(path)


def _ranks(axes: Any, reports: Sequence[EpochReport], test_mrr: float, others: Sequence[Row]) -> None:
    ranked = [(report.epoch, report.valid.mrr) for report in reports if report.valid]
    epochs, values = zip(*ranked, strict=True)
    axes.plot(epochs, values, color=_RANK, linewidth=2, marker=_alone(ranked), label=f"validation {values[-1]:.3f}")
    test = {"marker": "D", "markersize": 7, "linestyle": "none", "clip_on": False, "zorder": 3}
    axes.plot(epochs[-1], test_mrr, color=_TEST, label=f"test {test_mrr:.3f}", **test)
    for row, dashes in zip(others, _DASHES, strict=False):
        label = f"{row.model}, test {row.metrics.mrr:.{row.decimals}f}"
        axes.axhline(row.metrics.mrr, color=_FAINT, linewidth=1.2, linestyle=(0, dashes), label=label)
    axes.set_ylim(0, 1)
    axes.legend(loc="lower right", frameon=False, labelcolor=_INK, fontsize=10.5)


def _panel(axes: Any, title: str, epochs: int) -> None:
    axes.set_title(title, loc="left", color=_INK, fontsize=11)
    axes.set_xlabel("epoch", color=_INK)
    axes.set_xlim(0, epochs)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.tick_params(colors=_INK, length=0)
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_FAINT)


def _alone(points: Sequence[Any]) -> str:
    """A single epoch is a point: a line through it would be invisible."""
    return "o" if len(points) == 1 else ""
