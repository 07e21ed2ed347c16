"""``python -m seeded FAMILY``: every bug of a family in a process of its own, and what the check of it says."""

import argparse
import importlib
import sys
import warnings
from pathlib import Path

from nbbilinear import info

from . import guarded
from .judge import judged, seconds_of

FAMILIES = sorted(file.stem for file in (Path(__file__).parent / "families").glob("*.py"))


def main():
    parser = argparse.ArgumentParser(prog="python -m seeded", description=__doc__.partition(": ")[2])
    parser.add_argument("family", choices=FAMILIES, help="which bugs")
    parser.add_argument("-k", metavar="TEXT", default="", help="only bugs with this in their name")
    parser.add_argument("-v", action="store_true", help="show what the checks raised")
    asked = parser.parse_args()
    bugs = [bug for bug in importlib.import_module(f"seeded.families.{asked.family}").BUGS if asked.k in bug.name]
    warnings.simplefilter("error")
    guarded.guard()
    seconds = {check: seconds_of(check) for check in dict.fromkeys(bug.check for bug in bugs)}
    survived = 0
    for check, taken in seconds.items():
        honest = judged(lambda: None, check, taken)
        if honest.caught or honest.word != "SURVIVED":
            sys.exit(f"the check fails without a bug: {honest.word}\n{honest.said}")
    for bug in bugs:
        verdict = judged(bug.install, bug.check, seconds[bug.check])
        survived += not verdict.caught
        print(f"{verdict.word:<20} {bug.name}", flush=True)
        if asked.v or not verdict.caught:
            print(verdict.said, flush=True)
    vectors = info.facts()["vectors"]["in use"]
    print(f"{asked.family}: {len(bugs) - survived} of {len(bugs)} caught; vectors {vectors}")
    sys.exit(bool(survived) or not bugs)


if __name__ == "__main__":
    main()
