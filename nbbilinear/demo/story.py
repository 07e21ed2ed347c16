"""The demonstration from beginning to end."""

from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from rich.console import Console

from ..kg.data import KnowledgeGraph, load
from ..kg.named import NamedRescal
from ..kg.ranking import Evaluation, evaluate
from ..kg.rescal import Rescal
from ..kg.settings import Settings
from ..kg.training import Training
from ..runs import files, plot, results
from ..runs.begin import SPINNER, compile_kernels, screen
from ..runs.display import progress
from ..runs.tables import results as table
from .options import Options
from .published import GRAPHS
from .step import Timing, compare
from .tables import steps


class Findings(NamedTuple):
    """What the demonstration found, as it goes into the folder."""

    graph: KnowledgeGraph
    training: Training
    seconds: float
    test: Evaluation
    timings: list[Timing]


def tell(options: Options) -> None:
    """Do what :func:`nbbilinear.demo.run` says."""
    console = screen(quiet=options.quiet)
    graph = load(options.dataset)
    names = f"{graph.name}.png", f"rescal-{graph.name}.npz", "metrics.json"
    with files.filled(options.output, names, overwrite=options.overwrite) as folder:
        found = _find(console, graph, options)
        _keep(folder, found, options)
    console.print(f"Wrote {', '.join(sorted(names))} to {options.output}", soft_wrap=True)
    if options.quiet:
        last = f"{graph.name}: test MRR {found.test.both.mrr:.4f}, {options.output}"
        screen(quiet=False).print(last, soft_wrap=True)


def _find(console: Console, graph: KnowledgeGraph, options: Options) -> Findings:
    known, settings = GRAPHS[graph.name], Settings(epochs=options.epochs, seed=options.seed, evaluate_every=1)
    model = Rescal(len(graph.entities), len(graph.relations), options.dim, rng=options.seed)
    training = Training(model, graph, settings)
    rows = compile_kernels(console, training)
    begin = perf_counter()
    facts = f"{len(graph.entities)} entities, {len(graph.relations)} relations, {len(graph.train):,} training triples"
    with progress(console, f"RESCAL on {known.title}: {facts}", settings.epochs) as shown:
        for report in training.epochs(shown.watch):
            shown.show(report)
    seconds = perf_counter() - begin
    test = evaluate(model.scores, graph, graph.test)
    own = results.own("this run", test.both, options.dim, options.seed, options.epochs, seconds)
    title = f"Link prediction on {known.title}, test part: filtered ranks of heads and tails"
    console.print(table(title, [own, *known.rows], known.caveat))
    with console.status("", spinner=SPINNER) as status:
        timings = compare(
            model, training.asked, rows, settings.smoothing, lambda name: status.update(f"compiling kernels: {name}")
        )
    title = f"One training step, {len(rows)} questions against {len(graph.entities)} entities, d={options.dim}"
    console.print(steps(title, timings))
    return Findings(graph, training, seconds, test, timings)


def _keep(folder: Path, found: Findings, options: Options) -> None:
    graph, training, known = found.graph, found.training, GRAPHS[found.graph.name]
    title = f"RESCAL on {known.title}, d={options.dim}, seed {options.seed}"
    plot.draw(folder / f"{graph.name}.png", title, training.reports, found.test.both.mrr, known.rows)
    NamedRescal(training.model, graph.entities, graph.relations).save(folder / f"rescal-{graph.name}.npz")
    settings = {"dim": options.dim, **training.settings._asdict()}
    files.write_json(
        folder / "metrics.json",
        results.facts(graph.name, found.test, training.reports, found.seconds, settings)
        | {
            "step": [timing._asdict() for timing in found.timings],
            "published": [{"model": r.model, "source": r.source, **r.metrics._asdict()} for r in known.rows],
        },
    )
