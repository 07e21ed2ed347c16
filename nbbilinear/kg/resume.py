"""A training kept in a file after an epoch, and taken up again there: same data, same settings, same bits."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CheckpointError, ConfigError
from ..scalars import number
from . import checkpoint
from .data import KnowledgeGraph
from .ranking import Metrics
from .settings import EpochReport
from .training import State, Training

Array = Any
_VERSION = 1


def save(path: str | Path, training: Training, seconds: float) -> None:
    """Write a training that stands between two epochs; whoever reads ``path`` finds the old file or the new one.

    Parameters
    ----------
    path : str or pathlib.Path
    training : Training
    seconds : float
        Time spent so far, for the record.

    Raises
    ------
    OSError
        The folder is missing or full; the old file is as it was.
    """
    state = training.state()
    facts = _identity(training) | {
        "generator": dict(state.generator),
        "seconds": seconds,
        "reports": [report._asdict() for report in state.reports],
    }
    arrays = state.arrays | {"facts": np.frombuffer(json.dumps(facts).encode(), np.uint8)}
    checkpoint.write(path, arrays | {"sha256": _digest(arrays)})


def resume(path: str | Path, training: Training) -> float:
    """Bring a new training to where the one in the file stood; return the seconds it had taken.

    Raises
    ------
    CheckpointError
        The file is damaged, or the training was of other data or other settings.
    OSError
        There is no such file, or it cannot be read.
    """
    arrays = checkpoint.read(path, [*training.state().arrays, "facts", "sha256"])
    if not np.array_equal(arrays.pop("sha256"), _digest(arrays)):
        raise CheckpointError(f"{path}: the checksum does not fit the contents: the file is damaged")
    try:
        facts = json.loads(arrays.pop("facts").tobytes())
        _check(path, facts, _identity(training))
        state = State(arrays, facts["generator"], _reports(facts["reports"], training.settings.epochs))
        seconds = number("seconds", facts["seconds"])
    except (ArithmeticError, AttributeError, ConfigError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: the contents are not those of a checkpoint ({error})") from error
    if odd := [name for name, array in arrays.items() if not np.isfinite(array).all()]:
        raise CheckpointError(f"{path}: numbers in {', '.join(odd)} are not finite")
    try:
        training.load_state(state)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    return seconds


def _check(path: str | Path, facts: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Refuse a checkpoint of another format, graph or settings."""
    if facts.get("version") != _VERSION:
        raise CheckpointError(f"{path}: a checkpoint of format {facts.get('version')}, expected {_VERSION}")
    if facts["graph"] != own["graph"]:
        raise CheckpointError(f"{path}: a checkpoint of other triples; start anew with another file")
    if differing := [
        f"{name} {facts['settings'][name]!r} and not {value!r}"
        for name, value in own["settings"].items()
        if facts["settings"][name] != value
    ]:
        raise CheckpointError(f"{path}: a checkpoint with {', '.join(differing)}; start anew with another file")


def _reports(stored: Sequence[Mapping[str, Any]], most: int) -> list[EpochReport]:
    """The reports of the epochs from the first on; ValueError and its kin where they are none."""
    reports = [EpochReport(**one) for one in stored]
    if [report.epoch for report in reports] != list(range(1, len(reports) + 1)) or len(reports) > most:
        raise ValueError(f"epochs {[report.epoch for report in reports]} of {most}")
    return [
        EpochReport(
            report.epoch,
            number("loss", report.loss),
            number("triples_per_second", report.triples_per_second),
            None if report.valid is None else Metrics(*(number("valid", value) for value in report.valid)),
        )
        for report in reports
    ]


def _identity(training: Training) -> dict[str, Any]:
    dim, dtype = training.model.entities.data.shape[1], training.model.entities.dtype
    settings = training.settings._asdict() | {"dim": dim, "dtype": str(dtype)}
    return {"version": _VERSION, "graph": _fingerprint(training.graph), "settings": settings}


def _fingerprint(graph: KnowledgeGraph) -> str:
    names = "\n".join([*map(str, graph.entities), "", *map(str, graph.relations)])
    arrays = {"train": graph.train, "valid": graph.valid, "test": graph.test}
    return sha256(names.encode("utf-8") + _digest(arrays).tobytes()).hexdigest()


def _digest(arrays: Mapping[str, Array]) -> Array:
    """SHA-256 of named arrays, with their shapes and dtypes."""
    found = sha256()
    for name, array in sorted(arrays.items()):
        found.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return np.frombuffer(found.digest(), np.uint8)
