"""How every program of the gallery begins and ends: its options, and whether what it promised came out."""

import sys
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser, Namespace

from threadpoolctl import threadpool_limits


def begin(story: str, **defaults) -> Namespace:
    """Read the command line: each keyword is an option, of the type of its default. Keep the BLAS to one thread."""
    # Products as small as these lose more to threads that wait for one another than they win: relations.py took
    # 16.7 s of CPU time with two threads on two busy cores, and 5.6 s with one.
    threadpool_limits(1)
    parser = ArgumentParser(description=story.splitlines()[0], formatter_class=ArgumentDefaultsHelpFormatter)
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=type(default), default=default, help=type(default).__name__)
    return parser.parse_args()


def conclude(reached: bool, statement: str) -> None:
    """Say that the program's statement was reached, or end with an error that says it was not."""
    if not reached:
        sys.exit(f"Not reached: {statement}")
    print(f"Reached: {statement}")
