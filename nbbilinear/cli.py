"""The command line: ``nbbilinear demo`` and ``nbbilinear info``.

Exit codes: 0 done; 1 it failed; 2 the command or its surroundings are not right, with a sentence that says how;
130 stopped by Ctrl-C.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import backends, demo
from .config import current
from .demo.versions import installed, versions
from .errors import BackendError, BilinearError, ConfigError
from .kg import data

_EXTRAS = {  # those of pyproject.toml that bring abilities
    "cuda12": ("cupy-cuda12x", "numba-cuda"),
    "cuda13": ("cupy-cuda13x", "numba-cuda"),
    "demo": ("rich", "matplotlib", "threadpoolctl"),
    "sklearn": ("scikit-learn", "scipy"),
    "dask": ("dask", "distributed", "zarr"),
    "io": ("safetensors", "ml-dtypes"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code. Errors are one sentence on stderr.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.
    """
    chosen = _parser().parse_args(arguments)
    try:
        chosen.run(chosen)
    except (BilinearError, OSError, MemoryError) as error:
        reason = str(error) or "out of memory"
        print(f"nbbilinear: {'; '.join(line.strip() for line in reason.splitlines())}", file=sys.stderr)
        return 2 if isinstance(error, (ConfigError, BackendError)) else 1
    except KeyboardInterrupt:
        print("nbbilinear: stopped; nothing was written", file=sys.stderr)
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
    info = commands.add_parser(
        "info",
        help="versions, processor, threads, backends and optional packages found here",
        description="Show versions, processor, threads, backends and optional packages: what a bug report needs.",
    )
    info.add_argument("--json", action="store_true", help="for programs")
    info.set_defaults(run=lambda chosen: _print_info(_info(), as_json=chosen.json))
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
    parser.add_argument("--output", type=Path, default=usual.output, metavar="DIR", help="the folder to fill")
    parser.add_argument("--quiet", action="store_true", help="print one line at the end")
    parser.set_defaults(run=lambda chosen: demo.run(demo.Options(**{f: getattr(chosen, f) for f in usual._fields})))


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


def _info() -> dict[str, Any]:
    return {
        "versions": versions(),
        "processor": _processor(),
        "threads": {
            "processors allowed": _allowed(),
            "container limit": _container_limit(),
            "NUMBA_NUM_THREADS": os.environ.get("NUMBA_NUM_THREADS"),
            "NBBILINEAR_THREADS": current().threads,
        },
        "backends": {name: _backend(name) for name in backends.names()},
        "optional packages": {extra: _optional(extra, packages) for extra, packages in _EXTRAS.items()},
    }


def _processor() -> dict[str, Any]:
    from llvmlite import binding  # noqa: PLC0415  loads LLVM: only where its answer is wanted

    features = binding.get_host_cpu_features()
    return {"name": binding.get_host_cpu_name()} | {
        name: bool(features.get(name)) for name in ("avx2", "avx512f", "fma")
    }


def _allowed() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _container_limit() -> float | None:
    """Processors that the control group grants, where it sets a limit."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _backend(name: str) -> str:
    try:
        found = backends.backend(name)
    except BackendError as error:
        return f"not here: {error}"
    return "kernels " + ", ".join(dict.fromkeys(kernel.name for kernel in found.kernels))


def _optional(extra: str, packages: Sequence[str]) -> str:
    found = [f"{package} {version}" for package in packages if (version := installed(package))]
    missing = [package for package in packages if not installed(package)]
    if missing:
        found.append(f"missing {', '.join(missing)}: pip install 'nbbilinear[{extra}]'")
    return "; ".join(found)


def _print_info(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    for part, values in facts.items():
        print(part)
        for name, value in values.items():
            shown = {None: "not set" if part == "threads" else "not installed", True: "yes", False: "no"}
            print(f"  {name:<20}{shown.get(value, value) if value is None or isinstance(value, bool) else value}")
