"""A training kept in a file after an epoch, and taken up again there: same data, same settings, same bits."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CheckpointError
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
    facts = json.loads(arrays.pop("facts").tobytes())
    own = _identity(training)
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
    reports = [EpochReport(**r | {"valid": r["valid"] and Metrics(*r["valid"])}) for r in facts["reports"]]
    training.load_state(State(arrays, facts["generator"], reports))
    return float(facts["seconds"])


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
