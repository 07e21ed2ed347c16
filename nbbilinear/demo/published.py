"""What is known of the graphs: results of others on the same split, each with its source, and a caveat."""

from typing import NamedTuple

from ..kg.ranking import Metrics
from ..runs.results import Row


class Known(NamedTuple):
    """A graph's name in titles, results of others (lines in the plot), and what to keep in mind."""

    title: str
    rows: tuple[Row, ...]
    caveat: str


def _conve(*metrics: float) -> Row:
    return Row("ConvE", "README of TimDettmers/ConvE (Dettmers et al., AAAI 2018)", Metrics(*metrics), decimals=2)


def _pykeen(dim: int, *metrics: float) -> Row:
    recipe = f"d={dim}, Adam 1e-3, weight decay 1e-3, 50 epochs"
    return Row("RESCAL, PyKEEN", f"recorded with PyKEEN 1.11.1 on this split: {recipe}", Metrics(*metrics))


GRAPHS = {
    "kinships": Known(
        "Kinships",
        (_conve(0.83, 0.73, 0.91, 0.98), _pykeen(100, 0.849, 0.764, 0.921, 0.980)),
        "About 48% of Kinship are inverse relations (ConvE's README), so every model looks good here.",
    ),
    "umls": Known(
        "UMLS",
        (_conve(0.94, 0.92, 0.97, 0.99), _pykeen(100, 0.890, 0.789, 0.992, 0.999)),
        "The recipe is the same for all graphs; it was chosen on the validation part of Kinships.",
    ),
    "nations": Known(
        "Nations",
        (_conve(0.82, 0.72, 0.88, 1.00), _pykeen(50, 0.598, 0.393, 0.741, 0.983)),
        "Over 95% of Nations are inverse relations (ConvE's README), so a score says little about other graphs.",
    ),
}
