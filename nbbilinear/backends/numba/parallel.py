"""Chunks of a loop, shared between the caller and a few helper threads.

A chunk's bounds depend on the problem alone, so the number of threads never shows in a result. The caller claims
chunks like everybody else and waits only for helpers that are inside one: helpers that come late, or that a fork
has taken away, cannot hang it.
"""

import os
import threading
from collections.abc import Callable
from functools import lru_cache
from itertools import count
from queue import SimpleQueue
from typing import Any

from ...config import current

CHUNK_FLOP = 2_000_000  # about 200 us of plain loops: what it costs to wake a thread is then small


def chunk_size(total: int, flop_per_item: int) -> int:
    """Items per chunk, a function of the sizes only."""
    return max(1, min(total, CHUNK_FLOP // max(1, flop_per_item)))


def run(body: Callable[..., None], args: tuple[Any, ...], total: int, chunk: int) -> None:
    """Call ``body(*args, start, stop)`` for all chunks of ``range(total)``, on several threads where that pays."""
    if chunk >= total:
        body(*args, 0, total)
        return
    job = _Job(body, args, total, chunk)
    helpers = min(current().threads or available_threads(), -(-total // chunk)) - 1
    try:
        if helpers > 0:
            _team().call(job, helpers)
        job.work()
    finally:
        job.close()


@lru_cache(maxsize=1)
def available_threads() -> int:
    """Threads that may run at once: NUMBA_NUM_THREADS if set, else the processors this process may use."""
    wish = os.environ.get("NUMBA_NUM_THREADS", "")
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(int(wish) if wish.isdigit() else processors, processors))


class _Job:
    """One loop. ``claims`` hands out chunk numbers; taking the next is atomic under the GIL."""

    def __init__(self, body: Callable[..., None], args: tuple[Any, ...], total: int, chunk: int) -> None:
        self.body, self.args, self.total, self.chunk = body, args, total, chunk
        self.claims = count()
        self.failure: BaseException | None = None
        self.closed = False
        self.inside = 0
        self.quiet = threading.Condition()

    def work(self) -> None:
        while not (self.closed or self.failure):
            start = next(self.claims) * self.chunk
            if start >= self.total:
                return
            self.body(*self.args, start, min(start + self.chunk, self.total))

    def help(self) -> None:
        """Work as a helper; after ``close`` the caller's arrays are no longer touched."""
        with self.quiet:
            if self.closed:
                return
            self.inside += 1
        try:
            self.work()
        except BaseException as failure:  # noqa: BLE001 - handed to the caller by close()
            self.failure = failure
        finally:
            with self.quiet:
                self.inside -= 1
                self.quiet.notify()

    def close(self) -> None:
        """Let nobody in any more, wait for those inside, and raise what went wrong with them.

        An interrupt does not end the wait, since helpers inside still use the caller's arrays; it is raised after.
        """
        interrupted: KeyboardInterrupt | None = None
        self.closed = True
        while True:
            try:
                with self.quiet:
                    while self.inside:
                        self.quiet.wait()
                break
            except KeyboardInterrupt as interrupt:
                interrupted = interrupt
        if interrupted or self.failure:
            raise interrupted or self.failure  # type: ignore[misc]


class _Team:
    """Helper threads, started when first needed."""

    def __init__(self) -> None:
        self.jobs: SimpleQueue[_Job] = SimpleQueue()
        self.size = 0
        self.growing = threading.Lock()

    def call(self, job: _Job, helpers: int) -> None:
        with self.growing:
            while self.size < helpers:
                try:
                    threading.Thread(target=self._help, daemon=True, name="nbbilinear").start()
                except RuntimeError:  # no more threads to be had: the caller and those there are do the work
                    break
                self.size += 1
        for _ in range(helpers):
            self.jobs.put(job)

    def _help(self) -> None:
        while True:
            self.jobs.get().help()


@lru_cache(maxsize=1)
def _team() -> _Team:
    return _Team()


if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads: it starts a team of its own
    os.register_at_fork(after_in_child=_team.cache_clear)
