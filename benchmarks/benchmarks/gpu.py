"""The CUDA kernels on a card: first whether they are right, then how fast, beside rivals and the card's own limits.

    cd benchmarks && python -m benchmarks.gpu [--seconds 300]

Times are medians of device events. What is not measured, as a rival that is not installed, is left out and named.
"""

import argparse
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=300.0, help="for the measurements; correctness comes before")
    chosen = parser.parse_args()
    from nbbilinear import BackendError, backends

    try:
        backends.backend("cuda")
    except BackendError as missing:
        sys.stderr.write(f"nothing was measured: {missing}\n")
        return 2
    from card import right, speed

    return right.report() or speed.report(chosen.seconds)


if __name__ == "__main__":
    sys.exit(main())
