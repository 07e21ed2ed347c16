"""A training from the files of triples to the folder of results."""

from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from time import perf_counter

import numpy as np
from rich.console import Console

from ..errors import ConfigError
from ..kg.folder import Reading, read_folder
from ..kg.named import NamedRescal
from ..kg.ranking import Evaluation, evaluate
from ..kg.rescal import Rescal
from ..kg.steps import watched
from ..kg.training import Training
from ..runs import files, plot, results
from ..runs.begin import compile_kernels, screen
from ..runs.display import progress
from ..runs.pulse import counted
from ..runs.tables import results as table
from .keeper import Keeper
from .options import FILES, Options

UNFINISHED = "unfinished.npz"


def tell(options: Options) -> None:
    """Do what :func:`nbbilinear.train.run` says."""
    console = screen(quiet=options.quiet)
    with files.filled(options.output, FILES, overwrite=options.overwrite) as folder:
        last = _tell(console, options, folder)
    console.print(f"Wrote {', '.join(FILES)} to {options.output}", soft_wrap=True)
    if options.quiet:
        screen(quiet=False).print(last, soft_wrap=True)


def _tell(console: Console, options: Options, folder: Path) -> str:
    """Fill the folder; return a quiet run's line."""
    with counted(console) as watch:
        reading = read_folder(options.triples, watch)
    for line in _left_out(reading):
        console.print(line, soft_wrap=True)
    graph = reading.graph
    model = Rescal(len(graph.entities), len(graph.relations), options.dim, rng=options.seed)
    training = Training(model, graph, options.settings())
    with Keeper(training, options.checkpoint, options.output / UNFINISHED) as keeper:
        if keeper.epoch:
            console.print(f"Going on after epoch {keeper.epoch} of {options.epochs}", soft_wrap=True)
        seconds = _train(console, training, keeper)
        with counted(console) as watch:
            test = evaluate(watched(model.scores, "ranking the test part", len(graph.test), watch), graph, graph.test)
        row = results.own("this run", test.both, options.dim, options.seed, options.epochs, seconds)
        console.print(table(f"Link prediction on {graph.name}, test part: filtered ranks of heads and tails", [row]))
        _keep(folder, options, reading, training, test, seconds)
    return f"{graph.name}: test MRR {test.both.mrr:.4f}, {options.output}"


def _left_out(reading: Reading) -> Iterator[str]:
    for part, count in reading.repeated.items():
        if count:
            yield f"{part}: {count:,} repeated triples count once"
    for part, count in reading.unseen.items():
        if count:
            yield f"{part}: {count:,} triples left out, with an entity or relation that the training triples have not"
    for part, count in reading.known.items():
        if count:
            yield f"{part}: {count:,} triples are training triples too, and make the result look better than it is"


def _train(console: Console, training: Training, keeper: Keeper) -> float:
    """Train to the end; return the seconds it took, earlier runs included."""
    graph, epochs = training.graph, training.settings.epochs
    compile_kernels(console, training)
    begin = perf_counter()
    facts = (
        f"{len(graph.entities):,} entities, {len(graph.relations):,} relations, {len(graph.train):,} training triples"
    )
    title = f"RESCAL on {graph.name}: {facts}"
    # What overflows becomes a loss that is not finite, and is told as that.
    with np.errstate(all="ignore"), progress(console, title, epochs, training.reports) as shown:
        for report in training.epochs(shown.watch):
            if not isfinite(report.loss):
                raise ConfigError(f"epoch {report.epoch}: the loss is no longer finite; choose a smaller --lr")
            shown.watch("keeping the checkpoint", 0, 1)
            keeper.keep(perf_counter() - begin)
            shown.show(report)
    return keeper.seconds + perf_counter() - begin


def _keep(
    folder: Path, options: Options, reading: Reading, training: Training, test: Evaluation, seconds: float
) -> None:
    graph = training.graph
    settings = {"dim": options.dim, **training.settings._asdict()}
    sizes = {part: len(getattr(graph, part)) for part in ("entities", "relations", "train", "valid", "test")}
    left_out = {"repeated": reading.repeated, "unseen": reading.unseen, "known": reading.known}
    title = f"RESCAL on {graph.name}, d={options.dim}, seed {options.seed}"
    plot.draw(folder / "training.png", title, training.reports, test.both.mrr)
    NamedRescal(training.model, graph.entities, graph.relations).save(folder / "rescal.npz")
    facts = results.facts(graph.name, test, training.reports, seconds, settings)
    files.write_json(folder / "metrics.json", facts | {"sizes": sizes, "triples": left_out})
