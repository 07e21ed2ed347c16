"""What the measuring commands of this folder share: options, sizes, tables."""

import argparse
import sys

from .common import DTYPES, Product


def parser(description):
    """Options ``--sizes``, ``--dtype`` and ``--seconds``."""
    options = argparse.ArgumentParser(description=description.partition("\n")[0])
    options.add_argument("--sizes", nargs="*", help="named sizes; default: all")
    options.add_argument("--dtype", choices=DTYPES, default=DTYPES[0])
    options.add_argument("--seconds", type=float, default=2.0, help="about, for each size, after the first rounds")
    return options


def chosen_sizes(options, sizes):
    """The products that were asked for, of ``sizes`` by structure."""
    known = {name for some in sizes.values() for name in some}
    if unknown := set(options.sizes or ()) - known:
        sys.exit(f"unknown sizes {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    return [
        Product(structure, size, options.dtype)
        for structure, some in sizes.items()
        for size in some
        if not options.sizes or size in options.sizes
    ]


def table(title, head, rows):
    """Write a Markdown table to the standard output."""
    widths = [max(len(str(row[column])) for row in [head, *rows]) for column in range(len(head))]
    lines = [[str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)] for row in [head, *rows]]
    lines.insert(1, ["-" * width for width in widths])
    sys.stdout.write(f"\n{title}\n\n" + "".join("| " + " | ".join(line) + " |\n" for line in lines))
    sys.stdout.flush()
