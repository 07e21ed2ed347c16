"""The CUDA kernels on a card: first whether they are right, then how fast, beside rivals and the card's own limits.

    cd benchmarks && python -m benchmarks.gpu [--seconds 450]

Times are medians of device events. What is not measured, as a rival that is not installed, is left out and named. Run
``python -m card.cubins --save`` with the card's capability first, on any machine with the same versions and the same
``NBBILINEAR_CACHE_DIR``: then nothing is compiled here.
"""

import argparse
import sys
from time import perf_counter


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=450.0, help="for all of it; correctness comes first")
    chosen = parser.parse_args()
    from nbbilinear import BackendError, backends

    try:
        backends.backend("cuda")
    except BackendError as missing:
        sys.stderr.write(f"nothing was measured: {missing}\n")
        return 2
    from card import right, speed

    until = perf_counter() + chosen.seconds
    return right.report() or speed.report(until)


if __name__ == "__main__":
    sys.exit(main())
