"""The command line: ``nbbilinear demo``, ``nbbilinear train`` and ``nbbilinear info``.

Exit codes: 0 done; 1 it failed; 2 the command or its surroundings are not right, with a sentence that says how;
130 stopped by Ctrl-C.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from math import isfinite
from pathlib import Path
from typing import Any

from . import demo, info, train
from .errors import BackendError, BilinearError, CheckpointError, ConfigError, DataError
from .kg import data
from .runs.versions import installed

_WRONG = (ConfigError, BackendError, CheckpointError, DataError)  # the command or its surroundings, not the program


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code. Errors are one sentence on stderr.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.
    """
    chosen = _parser().parse_args(arguments)
    if isinstance(sys.stdout, TextIOWrapper):  # names of files and folders may have letters that the terminal has not
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        chosen.run(chosen)
    except (BilinearError, OSError, MemoryError) as error:
        reason = str(error) or "out of memory"
        print(f"nbbilinear: {'; '.join(line.strip() for line in reason.splitlines())}", file=sys.stderr)
        return 2 if isinstance(error, _WRONG) else 1
    except KeyboardInterrupt as stop:
        print(f"nbbilinear: {str(stop) or 'stopped; nothing was written'}", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nbbilinear",
        description="The bilinear product y[b,k] = x1[b]' W[k] x2[b] + bias[k], its gradients, and what they are for.",
        epilog="'nbbilinear COMMAND --help' explains a command.",
    )
    parser.add_argument("--version", action="version", version=f"nbbilinear {_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_train(commands)
    found = commands.add_parser(
        "info",
        help="versions, processor, threads, vectors, backends and optional packages found here",
        description="Show versions, processor, threads, vectors, backends and optional packages: what a bug report "
        "needs.",
    )
    found.add_argument("--json", action="store_true", help="for programs")
    found.set_defaults(run=lambda chosen: _print_info(info.facts(), as_json=chosen.json))
    return parser


def _add_demo(commands: Any) -> None:
    usual = demo.Options()
    parser = commands.add_parser(
        "demo",
        help="learn a real knowledge graph in seconds, judge the result, compare the backends",
        description="Train RESCAL on a real knowledge graph (in the package, no network), print its test metrics "
        "beside published ones, time one training step on every backend found, and leave a plot, metrics.json and the "
        "trained model in a folder.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--dataset", choices=data.names(), default=usual.dataset, help="the graph")
    parser.add_argument("--epochs", type=_count, default=usual.epochs, help="passes over the training triples")
    parser.add_argument("--seed", type=_natural, default=usual.seed, help="of initial values and order")
    parser.add_argument("--dim", type=_count, default=usual.dim, help="length of an entity's vector")
    _add_output(parser, usual.output)
    parser.add_argument("--quiet", action="store_true", help="print one line at the end")
    parser.set_defaults(run=lambda chosen: demo.run(demo.Options(**{f: getattr(chosen, f) for f in usual._fields})))


def _add_train(commands: Any) -> None:
    usual = train.Options(Path())
    parser = commands.add_parser(
        "train",
        help="learn a knowledge graph of your own",
        description="Train RESCAL on the triples of a folder: train.tsv, valid.tsv and test.tsv (or .txt), one triple "
        "in a line, head TAB relation TAB tail, UTF-8. Print the test metrics, and leave a plot, metrics.json and the "
        "trained model with its names in a folder.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--triples", type=Path, required=True, metavar="DIR", help="the folder of triples")
    _add_output(parser, usual.output)
    parser.add_argument("--dim", type=_count, default=usual.dim, help="length of an entity's vector")
    parser.add_argument("--epochs", type=_count, default=usual.epochs, help="passes over the training triples")
    parser.add_argument("--seed", type=_natural, default=usual.seed, help="of initial values and order")
    parser.add_argument("--lr", type=_rate, default=usual.lr, help="learning rate at the start; it falls to zero")
    parser.add_argument("--weight-decay", type=_decay, default=usual.weight_decay, help="pull towards zero")
    parser.add_argument("--batch", type=_count, default=usual.batch, help="the most questions in a step")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="keep the training there after every epoch; if FILE exists, go on from it",
    )
    parser.add_argument("--quiet", action="store_true", help="print one line at the end")
    parser.set_defaults(
        run=lambda chosen: train.run(train.Options(**{f: v for f, v in vars(chosen).items() if f in usual._fields}))
    )


def _add_output(parser: argparse.ArgumentParser, usual: Path) -> None:
    parser.add_argument("--output", type=Path, default=usual, metavar="DIR", help="the folder to fill")
    parser.add_argument("--overwrite", action="store_true", help="replace the files of an earlier run in DIR")


def _rate(text: str) -> float:
    if (number := _decay(text)) <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return number


def _decay(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not (isfinite(number) and number >= 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number from 0")
    return number


def _count(text: str) -> int:
    if (number := _natural(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def _version() -> str:
    return installed("nbbilinear") or "(not installed)"


def _print_info(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    for part, values in facts.items():
        print(part)
        for name, value in values.items():
            shown = {None: "not set" if part in ("threads", "vectors") else "not installed", True: "yes", False: "no"}
            print(f"  {name:<20}{shown.get(value, value) if value is None or isinstance(value, bool) else value}")
