"""Chunks of a loop, shared between the caller and a few helper threads.

A chunk's bounds depend on the problem alone, so the number of threads never shows in a result. The caller claims
chunks like everybody else and waits only for helpers that are inside one: helpers that come late, or that a fork
has taken away, cannot hang it. Between two chunks Python runs, so Ctrl-C ends a call after the chunks under way.

Chunks are claimed under the GIL. Claiming inside compiled code was rejected: each loop would be compiled twice (1.4 s
in place of 0.7 s for a first forward call). The price is a Python thread that computes beside a call and gives the
GIL away only every 5 ms: each chunk may wait that long (`docs/performance/threads.md`).
"""

import os
import threading
from collections.abc import Callable
from functools import lru_cache
from itertools import count
from queue import SimpleQueue
from typing import Any

from ...config import current
from . import floating_point, forks, processors

Array = Any

# Seconds. To wake a helper takes about 100 us, so two chunks, the least that is shared, are twice that. A helper that
# loses its processor in its last chunk is waited for; it is the likelier to be inside none the shorter they are.
SHORTEST, LONGEST = 100e-6, 1e-3
CHUNKS = 64  # of a loop in between: 8 for each of 8 threads
PLAIN = 1e10  # flop per second of plain loops


def chunk_size(total: int, flop_per_item: int, flop_per_second: float = PLAIN) -> int:
    """Items per chunk, a function of the sizes only: ``CHUNKS`` chunks, but each from ``SHORTEST`` to ``LONGEST``."""
    flop, shortest = total * flop_per_item, SHORTEST * flop_per_second
    if flop < shortest:  # no need of the rest, which takes longer than the smallest loop
        return total
    chunk = min(max(flop / CHUNKS, shortest), LONGEST * flop_per_second)
    return max(1, min(total, int(chunk // max(1, flop_per_item))))


def participants() -> int:
    """How many threads may take part in a loop under the settings in force."""
    threads = current().threads
    return processors.available() if threads is None else min(threads, processors.available())


def run(
    body: Callable[..., None], args: tuple[Any, ...], total: int, chunk: int,
    workspace: Array | None = None, piece: int | None = None,
) -> None:  # fmt: skip
    """Call ``body(*args, start, stop)`` for all chunks of ``range(total)``, on several threads where that pays.

    With a flat ``workspace`` it is ``body(*args, piece_of_workspace, start, stop)``: every thread that takes part has
    its own ``piece`` elements, and as many threads take part as there are pieces. By default the workspace is split
    evenly among :func:`participants`; who computes blocks from the length of a piece names it, or the bits of the
    result depend on the number of threads.
    """
    before = floating_point.enter()
    try:
        if chunk < total:
            _share(body, args, total, chunk, workspace, piece)
        elif workspace is None:
            body(*args, 0, total)
        else:
            body(*args, workspace[: piece or len(workspace) // participants()], 0, total)
    finally:
        if before:
            floating_point.leave(before)


def _share(
    body: Callable[..., None], args: tuple[Any, ...], total: int, chunk: int,
    workspace: Array | None, piece: int | None,
) -> None:  # fmt: skip
    threads = participants()
    if workspace is not None:
        piece = piece or len(workspace) // threads
        threads = min(threads, len(workspace) // max(1, piece))
    job = _Job(body, args, total, chunk, workspace, piece or 0)
    helpers = min(threads, -(-total // chunk)) - 1
    try:
        if helpers > 0:
            _team(os.getpid()).call(job, helpers)
        job.work()
    finally:
        job.closed = True  # before anything that an interrupt could prevent
        job.wait()


class _Job:
    """One loop. ``claims`` hands out chunk numbers; taking the next is atomic under the GIL."""

    def __init__(
        self, body: Callable[..., None], args: tuple[Any, ...], total: int, chunk: int,
        workspace: Array | None = None, piece: int = 0,
    ) -> None:  # fmt: skip
        self.body, self.args, self.total, self.chunk = body, args, total, chunk
        self.workspace, self.piece = workspace, piece
        self.claims, self.places = count(), count()
        self.failure: BaseException | None = None
        self.closed = False
        self.inside = 0
        self.quiet = threading.Condition()

    def work(self) -> None:
        """Take part: once for the caller, and at most once for every helper called, each with a piece of its own."""
        args = self.args
        if self.workspace is not None:
            begin = next(self.places) * self.piece
            args = (*args, self.workspace[begin : begin + self.piece])
        while not (self.closed or self.failure):
            start = next(self.claims) * self.chunk
            if start >= self.total:
                return
            self.body(*args, start, min(start + self.chunk, self.total))

    def help(self) -> None:
        """Work as a helper; once the job is closed the caller's arrays are no longer touched."""
        with self.quiet:
            if self.closed:
                return
            self.inside += 1
        try:
            self.work()
        except BaseException as failure:  # noqa: BLE001 - handed to the caller by wait()
            self.failure = failure
        finally:
            with self.quiet:
                self.inside -= 1
                self.quiet.notify()

    def wait(self) -> None:
        """Wait for those inside a closed job, and raise what went wrong with them.

        An interrupt does not end the wait, since helpers inside still use the caller's arrays; it is raised after.
        """
        interrupted: KeyboardInterrupt | None = None
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
        floating_point.enter()  # a thread is born with the mode of the one that started it
        while True:
            self.jobs.get().help()


@lru_cache(maxsize=1)
def _team(_process: int) -> _Team:
    """The helpers of this process: also a child whose fork skipped Python's hooks starts a team of its own."""
    return _Team()


forks.prepare(_team.cache_clear, processors.available.cache_clear)
