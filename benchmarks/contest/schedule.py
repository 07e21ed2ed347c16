"""Which cell is measured when, within the time that there is."""

import sys
from time import perf_counter

from nbbilinear import config

from . import subjects
from .field import DIRECTIONS
from .prepare import Preparation

LONG = 1e9  # terms: such products are measured one after another, and the short ones again and again between them
ROUNDS = 3  # of a short cell in a visit
ROUNDS_LAST = 0.5  # seconds: after that no further round in this visit
VISITS = 3  # at least: what disturbs the machine for a second shall meet a part of a cell's rounds only
BETWEEN = 0.12  # of the time that is left, for a visit of the short cells between two long products
SHORT_WEIGHT, LONG_WEIGHT = 2, 25  # seconds for a short cell; for a long product, as many as this times ours
FEWEST = 20  # times ours: a long product is not begun in less


class Schedule:
    """All products under one number of threads."""

    def __init__(self, products, clock, options, known=()):
        self.products, self.clock, self.options = products, clock, options
        self.preparation = Preparation(clock, options, known)
        self.end = perf_counter() + options.seconds
        self.long = [product for product in products if product.terms > LONG]

    def run(self):
        """The results of all cells."""
        with config(threads=self.clock.threads):
            short = [
                cell for product in self.products if product not in self.long for cell in self._cells(product, VISITS)
            ]
            found = []
            for position, product in enumerate(self.long):
                self._visit(short, ROUNDS, perf_counter() + BETWEEN * (self.end - perf_counter()))
                if perf_counter() + FEWEST * subjects.of(product.structure).expected(product) < self.end:
                    found += self._long(product, self._seconds(position, short))
                else:
                    self._say(f"no time for {product.size}, {product.dtype}; see --minutes\n")
            self._visit(short, ROUNDS, self.end)
            while perf_counter() < self.end and not all(cell.is_settled for cell in short):
                self._visit(short, ROUNDS, self.end)
        self._say("done\n")
        return sorted(found + [cell.result() for cell in short], key=self._place)

    def _cells(self, product, visits):
        self._say(f"{product.size}, {product.dtype}")
        subject = subjects.of(product.structure)
        field = [*subject.ours(product, self.options.ours), *subject.others(product, self.options.rivals)]
        return self.preparation.cells(product, field, visits)

    def _long(self, product, seconds):
        """The results of a product that is prepared, measured and let go."""
        end = min(perf_counter() + seconds, self.end)
        here = self._cells(product, visits=0)
        self._visit(here, 1, end)
        while perf_counter() < end and not all(cell.is_settled for cell in here):
            self._visit(here, 1, end)
        return [cell.result() for cell in here]

    def _seconds(self, position, short):
        """The share of the next long product in the time that is left."""
        weights = [subjects.of(product.structure).expected(product) * LONG_WEIGHT for product in self.long[position:]]
        waiting = SHORT_WEIGHT * sum(not cell.is_settled for cell in short)
        return (self.end - perf_counter()) * weights[0] / (sum(weights) + waiting)

    def _visit(self, some, rounds, end):
        """Rounds for those who need more, the least measured first."""
        waiting = sorted((cell for cell in some if not cell.is_settled), key=lambda cell: cell.rounds)
        for position, cell in enumerate(waiting):
            self._say(f"{len(waiting) - position} cells under way")
            enough = perf_counter() + ROUNDS_LAST
            for done in range(rounds):
                if not cell.rounds or (perf_counter() < end and (not done or perf_counter() < enough)):
                    cell.round(end)
            cell.visits -= 1

    def _place(self, result):
        product = tuple(result[name] for name in ("structure", "size", "dtype"))
        return DIRECTIONS.index(result["direction"]), self.products.index(product)

    def _say(self, text):
        """One line that is written over."""
        left = max(0, self.end - perf_counter())
        threads = f"{self.clock.threads} thread{'s' * (self.clock.threads > 1)}"
        sys.stderr.write(f"\r\033[K{threads}, {left // 60:.0f}:{left % 60:02.0f} left: {text}")
        sys.stderr.flush()
