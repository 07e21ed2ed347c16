"""One cell of the tables: a product in one direction, and the samples of all who compute it."""

from time import perf_counter

import numpy as np
from rivals import BY_HAND

from .clock import SHORT
from .field import OURS
from .spread import FEW, is_tight, undisturbed

LEAST = 2  # rounds, whatever the time, of those that are not slow
MOST = 60
HOPELESS = 1.25  # an order by hand that takes so many times the best is measured no further
SLOW, FAR = 0.25, 4  # seconds that go in a cell to a contender who takes more than so many times ours


class Entrant:
    """A contender in a cell. Its ratios are to the library's sample of the same round."""

    def __init__(self, column, call, repeats, about, extra_bytes):
        """``about``: how many seconds a call takes."""
        self.column, self.call, self.repeats, self.extra_bytes = column, call, repeats, extra_bytes
        self.is_short = about < SHORT
        self.seconds, self.ratios, self.waited, self.is_done = [], [], [], False

    def add(self, sample, ours):
        """A sample, beside one of the library."""
        self.seconds.append(sample.seconds)
        self.ratios.append(sample.seconds / ours.seconds)
        self.waited.append(sample.waited + ours.waited)

    @property
    def kept(self):
        """The ratios of undisturbed rounds."""
        return undisturbed(self.ratios, self.waited)

    def result(self):
        """For the JSON."""
        quartiles = [float(np.quantile(self.kept, share)) for share in (0.25, 0.75)]
        seconds = float(np.median(undisturbed(self.seconds, self.waited)))
        return {
            "column": self.column, "seconds": seconds, "ratio": float(np.median(self.kept)), "quartiles": quartiles,
            "rounds": len(self.kept), "rounds_left_out": len(self.ratios) - len(self.kept), "repeats": self.repeats,
            "extra_bytes": self.extra_bytes,
        }  # fmt: skip


class Cell:
    """Rounds of samples, each begun by another contender, until all ratios are sure."""

    def __init__(self, product, direction, clock, visits):
        self.product, self.direction, self.clock, self.visits = product, direction, clock, visits
        self.entrants, self.others, self.rounds = {}, {}, 0
        self.seconds = np.inf  # of ours, about

    @property
    def place(self):
        """Where it stands, for the JSON."""
        return self.product._asdict() | {"direction": self.direction, "threads": self.clock.threads}

    @property
    def is_settled(self):
        """Whether nobody needs another round."""
        return self.visits <= 0 and all(entrant.is_done for entrant in self.entrants.values())

    def round(self, end):
        """A sample of everybody who needs one; of those who have some only before ``end`` by the clock of the wall."""
        self._retire()
        names = [name for name, entrant in self.entrants.items() if name == OURS or not entrant.is_done]
        start = self.rounds % len(names)
        samples = {}
        for name in names[start:] + names[:start]:
            entrant = self.entrants[name]
            if name == OURS or len(entrant.ratios) < LEAST or perf_counter() < end:
                self.clock.quiet()
                if entrant.is_short:
                    entrant.call()  # what a neighbour left in the caches is nobody's time
                samples[name] = self.clock.sample(entrant.call, entrant.repeats)
        for name, sample in samples.items():
            self.entrants[name].add(sample, samples[OURS])
        self.rounds += 1
        self._retire()

    def _retire(self):
        """Who needs no further round."""
        best = min(
            (np.median(some.ratios) for some in self.entrants.values() if some.column == BY_HAND and some.ratios),
            default=np.inf,
        )
        for entrant in self.entrants.values():
            rounds, ratio = len(entrant.ratios), np.median(entrant.ratios or [0])
            slow = sum(entrant.seconds) * entrant.repeats > SLOW and ratio > FAR
            hopeless = entrant.column == BY_HAND and ratio > HOPELESS * best
            sure = self.visits <= 0 and rounds >= FEW and is_tight(entrant.kept)
            entrant.is_done = slow or (rounds >= FEW and (sure or hopeless or rounds >= MOST))

    def result(self):
        """For the JSON."""
        field = {name: entrant.result() for name, entrant in self.entrants.items()} | self.others
        return self.place | {"field": field}
