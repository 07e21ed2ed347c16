"""How long a call takes, and how much of that was somebody else's doing."""

from pathlib import Path
from statistics import median
from time import perf_counter, process_time, sleep
from typing import NamedTuple

LEAST = 2e-3  # seconds of one sample: short calls are repeated
PIECES = 7
SHORT = 0.05  # an untimed call goes before a sample of shorter ones
QUIET = 0.1  # of a core: helpers that use less than this are asleep
PATIENCE = 0.03


class Sample(NamedTuple):
    """Seconds of one call, and the share of them in which a thread of ours waited for a core that another had."""

    seconds: float
    waited: float


class Clock:
    """One thread: CPU time of the process, with all of its helpers. More: time by the wall."""

    def __init__(self, threads):
        self.threads = threads
        self.name = "CPU time of the process" if threads == 1 else "wall clock"
        self.now = process_time if threads == 1 else perf_counter

    def sample(self, call, repeats):
        """The mean of some calls in a row; by the clock of the wall the median of a few such means.

        A helper whose core is taken away for a moment holds up a call for milliseconds, and not the one after it.
        """
        pieces = min(repeats, PIECES if self.threads > 1 else 1)
        waited, seconds = self._waited(), []
        for piece in range(pieces):
            calls = repeats // pieces + (piece < repeats % pieces)
            begin = self.now()
            for _ in range(calls):
                call()
            seconds.append((self.now() - begin) / calls)
        return Sample(median(seconds), (self._waited() - waited) / max(sum(seconds) * repeats / pieces, 1e-9))

    def once(self, call):
        """Seconds of a call, and what it returns."""
        begin = self.now()
        result = call()
        return self.now() - begin, result

    def repeats(self, call):
        """How many calls a sample takes."""
        repeats = 1
        while (taken := self.sample(call, repeats).seconds * repeats) < LEAST:
            repeats = max(2 * repeats, int(repeats * LEAST / max(taken, 1e-6)))
        return repeats

    def quiet(self):
        """Wait until the helpers of the library that ran before are asleep."""
        if self.threads == 1:
            return
        end = perf_counter() + PATIENCE
        while perf_counter() < end:
            cpu, wall = process_time(), perf_counter()
            sleep(1e-3)
            if process_time() - cpu < QUIET * (perf_counter() - wall):
                return

    def _waited(self):
        """Seconds that the threads of this process were ready to run and did not; 0 where Linux does not tell."""
        if self.threads == 1:
            return 0.0
        return sum(_delay(task) for task in Path("/proc/self/task").glob("*/schedstat")) / 1e9


def _delay(task):
    try:
        return int(task.read_text().split()[1])
    except (OSError, IndexError):
        return 0  # the thread has ended
