"""The look of the gallery's pictures."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, GRID = "#1f2933", "#e4e7eb"
FIRST, SECOND = "#0b69a3", "#c65d21"


def panels(title: str, *names: str) -> tuple[Figure, list[Axes]]:
    """Return a figure with a headline, and a named panel for each name, side by side."""
    figure = Figure(figsize=(4.2 * len(names), 4), dpi=100, facecolor="white", layout="constrained")
    figure.suptitle(title, x=0.02, ha="left", color=INK, fontsize=13, fontweight="bold")
    axes = list(figure.subplots(1, len(names), squeeze=False)[0])
    for panel, name in zip(axes, names, strict=True):
        panel.set_title(name, loc="left", color=INK, fontsize=10)
        panel.tick_params(colors=INK, length=0, labelsize=9)
        panel.set_axisbelow(True)
        for spine in panel.spines.values():
            spine.set_color(GRID)
    return figure, axes


def squares(panel: Axes, shares, rows: list[str], columns: list[str]) -> None:
    """Draw a matrix of shares, and write into each square, in percent, those of 5% and more."""
    panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    panel.set_xticks(range(len(columns)), columns, rotation=90)
    panel.set_yticks(range(len(rows)), rows)
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.05:
            color = "white" if share > 0.5 else INK
            panel.text(column, row, f"{share * 100:.0f}", ha="center", va="center", fontsize=7, color=color)


def save(figure: Figure, path: Path) -> None:
    """Write a PNG without the version of the library that drew it, and say how it is called."""
    figure.savefig(path, metadata={"Software": None})
    print(f"Picture: {path.name}")
