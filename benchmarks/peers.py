"""Time the library against others that compute the same; write tables, JSON and a bar chart.

Everybody runs in turn in one process, kept to as many cores as it has threads. Values are checked against the
definition first. One thread is timed by the CPU time of the process, more by the wall clock. A ratio is the median over
rounds, and rounds go on where it is not yet sure, as long as there is time.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import rivals
from benchmarks.common import DTYPES, places
from contest import agreement, chart, machine, report, subjects
from contest.clock import Clock
from contest.prepare import WrongError
from contest.schedule import Schedule

FORMS = {  # option -> structures, what it measures
    "pairs": (("pairs",), "every row with every row, against SuPar's einsum and two GEMMs"),
    "indexed": (("index", "one against all"), "a weight chosen by index, against gathered weights and loops"),
    "forms": (("form",), "weights by fewer numbers, against compositions by hand and the weight in full"),
    "quadratic": (("quadratic",), "a row with itself, against (X @ A * X).sum(1)"),
}
FIRST = 1.5  # times as long as the others: what it finds to be slow they leave out


def parser():
    """What can be asked for."""
    it = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    forms = it.add_argument_group("what is computed (default: paired rows, on 16 sizes)")
    for form, (_, what) in FORMS.items():
        forms.add_argument(f"--{form}", action="store_true", help=what)
    it.add_argument("--sizes", nargs="+", default=[], metavar="SIZE", help="by name, as 128x20x30x40; default: all")
    it.add_argument("--dtype", nargs="+", choices=DTYPES, default=list(DTYPES), help="default: both")
    it.add_argument("--threads", nargs="+", type=int, default=[1, 2], metavar="N", help="a process each; default: 1 2")
    it.add_argument("--forward-only", action="store_true", help="no gradients")
    it.add_argument("--rivals", nargs="+", metavar="NAME", help="names, columns or packages; default: all installed")
    it.add_argument("--ours", nargs="+", default=[], metavar="NAME", help="more of ours, as numba/portable")
    it.add_argument("--minutes", type=float, default=9.0, help="for everything; default: 9")
    it.add_argument("--slowest", type=float, default=3.0, metavar="SECONDS",
                    help="leave out calls that are expected to take longer; default: 3")  # fmt: skip
    it.add_argument("--output", type=Path, default=Path("peers"), metavar="DIR", help="for peers.json and peers.png")
    it.add_argument("--compare", nargs="+", type=Path, metavar="JSON",
                    help="an earlier peers.json: name the ratios that differ by more than 10 %%, and fail if there are "
                    "any; two of them: measure nothing")  # fmt: skip
    it.add_argument("--child", nargs=2, metavar=("FILE", "SECONDS"), help=argparse.SUPPRESS)
    return it


def main():
    """Start a process for each number of threads, and show what they found."""
    options = parser().parse_args()
    if options.child:
        measure(options)
        return
    old = [json.loads(path.read_text()) for path in options.compare or ()]
    if len(old) == 2:
        sys.exit(agreement.compare(*old) > 0)
    _refuse_unknown(options)
    document = machine.described() | {"ours": [*places(), *options.ours], "results": _all(options)}
    report.show(document)
    _left_out()
    _write(document, options.output)
    if old:
        sys.exit(agreement.compare(old[0], document) > 0)


def products(options):
    """What was asked for."""
    structures = [one for form, (some, _) in FORMS.items() if getattr(options, form) for one in some] or ["rows"]
    return [
        product
        for structure in structures
        for dtype in options.dtype
        for product in subjects.of(structure).products(structure, dtype)
        if not options.sizes or product.size in options.sizes
    ]


def measure(options):
    """Be one of the processes."""
    file, seconds = options.child
    options.seconds, (threads,) = float(seconds), options.threads
    machine.pin(threads)
    try:
        known = [one for other in Path(file).parent.glob("*.json") for one in json.loads(other.read_text())]
        results = Schedule(products(options), Clock(threads), options, known).run()
    except WrongError as error:
        sys.exit(f"\n{error}")
    Path(file).write_text(json.dumps(results))


def _all(options):
    """The results of every process."""
    end, results = perf_counter() + 60 * options.minutes, []
    counts = [threads for threads in options.threads if threads <= len(machine.cores())]
    for more in set(options.threads) - set(counts):
        sys.stdout.write(f"left out: {more} threads, on {len(machine.cores())} cores\n")
    with tempfile.TemporaryDirectory() as folder:
        for position, threads in enumerate(counts):
            file = Path(folder) / f"{threads}.json"
            share = 1 if position == len(counts) - 1 else FIRST / (len(counts) - position - 1 + FIRST)
            seconds = (end - perf_counter()) * share
            command = [sys.executable, __file__, *sys.argv[1:], "--threads", str(threads)]
            done = subprocess.run(
                [*command, "--child", str(file), str(seconds)], env=machine.environment(threads), check=False
            )
            if done.returncode:
                sys.exit(f"nothing was measured with {threads} threads")
            results += json.loads(file.read_text())
    return results


def _refuse_unknown(options):
    sizes = {product.size for product in products(argparse.Namespace(**vars(options) | {"sizes": []}))}
    known = {name for rival in rivals.RIVALS for name in (rival.name, rival.column, rival.package)}
    for what, asked, there in (("sizes", options.sizes, sizes), ("rivals", options.rivals or [], known)):
        if unknown := sorted(set(asked) - there):
            sys.exit(f"unknown {what} {', '.join(unknown)}; there are {', '.join(sorted(there))}")


def _left_out():
    if missing := rivals.absent():
        sys.stdout.write(f"\nleft out, not installed: {', '.join(missing)}; pip install {' '.join(missing)}\n")


def _write(document, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "peers.json").write_text(json.dumps(document, indent=1))
    try:
        chart.draw(document, folder / "peers.png")
    except ImportError:
        sys.stdout.write("\nno chart: pip install matplotlib\n")
    sys.stdout.write(f"\nwritten: {folder}\n")


if __name__ == "__main__":
    main()
