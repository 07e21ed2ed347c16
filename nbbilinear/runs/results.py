"""A run's results, as rows beside those of others and as facts for a file."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..kg.ranking import Evaluation, Metrics
from ..kg.settings import EpochReport
from .versions import versions


class Row(NamedTuple):
    """A result, where it stands, and the decimals in which it is given."""

    model: str
    source: str
    metrics: Metrics
    decimals: int = 3


def own(run: str, test: Metrics, dim: int, seed: int, epochs: int, seconds: float) -> Row:
    """Our result as a row; ``run`` says which run it was."""
    recipe = f"d={dim}, {epochs} epochs, seed {seed}, trained in {seconds:.1f} s"
    return Row("RESCAL, nbbilinear", f"{run}: {recipe}", test)


def facts(
    name: str, test: Evaluation, reports: Sequence[EpochReport], seconds: float, settings: dict[str, Any]
) -> dict[str, Any]:
    """All numbers of a run, as they go into ``metrics.json``."""
    sides = {side: metrics._asdict() for side, metrics in test._asdict().items()}
    valid = reports[-1].valid
    return {
        "dataset": name,
        **{f"test_{key}": value for key, value in sides.pop("both").items()},
        "test_by_side": sides,
        **{f"valid_{key}": value for key, value in (valid._asdict() if valid else {}).items()},
        "seconds": seconds,
        "settings": settings,
        "versions": versions(),
        "epochs": [report._asdict() | {"valid": report.valid and report.valid._asdict()} for report in reports],
    }
