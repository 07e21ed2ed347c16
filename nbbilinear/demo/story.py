"""The demonstration from beginning to end."""

from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from ..kg.data import KnowledgeGraph, load, questions, with_inverses
from ..kg.ranking import Evaluation, evaluate
from ..kg.rescal import Rescal
from ..kg.training import EpochReport, Settings, batches, gradient, train
from . import files, plot, tables
from .display import progress
from .options import Options
from .published import GRAPHS, Row
from .step import Timing, compare
from .versions import versions

_SPINNER = "line"  # rich's usual one fails where the terminal knows only ASCII


class Findings(NamedTuple):
    """What the demonstration found, as it goes into the folder."""

    graph: KnowledgeGraph
    model: Rescal
    settings: Settings
    reports: list[EpochReport]
    seconds: float
    test: Evaluation
    timings: list[Timing]


def tell(options: Options) -> None:
    """Do what :func:`nbbilinear.demo.run` says."""
    console = Console(quiet=options.quiet, highlight=False)
    graph = load(options.dataset)
    with files.filled(options.output) as folder:
        found = _find(console, graph, options)
        _keep(folder, found, options)
        names = ", ".join(sorted(file.name for file in folder.iterdir()))
    console.print(f"Wrote {names} to {options.output}", soft_wrap=True)
    if options.quiet:
        Console(highlight=False).print(
            f"{graph.name}: test MRR {found.test.both.mrr:.4f}, {options.output}", soft_wrap=True
        )


def _find(console: Console, graph: KnowledgeGraph, options: Options) -> Findings:
    known, settings = GRAPHS[graph.name], Settings(epochs=options.epochs, seed=options.seed, evaluate_every=1)
    model = Rescal(len(graph.entities), len(graph.relations), options.dim, rng=options.seed)
    asked = questions(with_inverses(graph.train, len(graph.relations)))
    rows = max(batches(asked, settings.batch, np.random.default_rng(0)), key=len)
    _compile(console, model, asked, rows, settings)
    begin, reports = perf_counter(), []
    facts = f"{len(graph.entities)} entities, {len(graph.relations)} relations, {len(graph.train):,} training triples"
    with progress(console, f"RESCAL on {known.title}: {facts}", settings.epochs) as show:
        for report in train(model, graph, settings):
            reports.append(report)
            show(report)
    seconds = perf_counter() - begin
    test = evaluate(model.scores, graph, graph.test)
    own = Row(
        "RESCAL, nbbilinear",
        f"this run: d={options.dim}, {options.epochs} epochs, seed {options.seed}, trained in {seconds:.1f} s",
        test.both,
    )
    title = f"Link prediction on {known.title}, test part: filtered ranks of heads and tails"
    console.print(tables.results(title, own, known))
    with console.status("", spinner=_SPINNER) as status:
        timings = compare(
            model, asked, rows, settings.smoothing, lambda name: status.update(f"compiling kernels: {name}")
        )
    title = f"One training step, {len(rows)} questions against {len(graph.entities)} entities, d={options.dim}"
    console.print(tables.steps(title, timings))
    return Findings(graph, model, settings, reports, seconds, test, timings)


def _compile(console: Console, model: Rescal, asked: Any, rows: Any, settings: Settings) -> None:
    """One step whose gradient is thrown away: kernels are compiled before the clock of the first epoch runs."""
    begin = perf_counter()
    with console.status("compiling kernels", spinner=_SPINNER):
        gradient(model, asked, rows, settings.smoothing)
        model.zero_grad()
    seconds = perf_counter() - begin
    if seconds > 1:
        console.print(f"compiling kernels: {seconds:.1f} s", style="dim")


def _keep(folder: Path, found: Findings, options: Options) -> None:
    name, known = found.graph.name, GRAPHS[found.graph.name]
    title = f"RESCAL on {known.title}, d={options.dim}, seed {options.seed}"
    plot.draw(folder / f"{name}.png", title, found.reports, known.rows[0], found.test.both.mrr)
    found.model.save(folder / f"rescal-{name}.npz")
    files.write_json(folder / "metrics.json", _metrics(found, options))


def _metrics(found: Findings, options: Options) -> dict[str, Any]:
    sides = {side: metrics._asdict() for side, metrics in found.test._asdict().items()}
    valid = found.reports[-1].valid
    return {
        "dataset": found.graph.name,
        **{f"test_{name}": value for name, value in sides.pop("both").items()},
        "test_by_side": sides,
        **{f"valid_{name}": value for name, value in (valid._asdict() if valid else {}).items()},
        "seconds": found.seconds,
        "settings": {"dim": options.dim, **found.settings._asdict()},
        "versions": versions(),
        "epochs": [report._asdict() | {"valid": report.valid and report.valid._asdict()} for report in found.reports],
        "step": [timing._asdict() for timing in found.timings],
        "published": [
            {"model": row.model, "source": row.source, **row.metrics._asdict()} for row in GRAPHS[found.graph.name].rows
        ],
    }
