"""The threads of a block in Numba's simulator, one at a time: each runs until it waits for others, or is done.

Numba's own run all at once and are watched in a busy loop. In turns it is several times faster, and what a missing
barrier does is no matter of luck: the first thread runs ahead as far as the kernel lets it, from either end.
"""

from threading import Lock, Thread

from numba.cuda.simulator import kernel
from numba.cuda.simulator.kernelapi import Dim3

WARP = 32


class Meeting:
    """What the threads of a warp bring along, and room for what the first of them makes of it."""

    def __init__(self, brought):
        self.brought, self.made = brought, None


class _Thread(Thread):
    """A thread of a block; the simulator looks up where it is, and calls its ``syncthreads``."""

    def __init__(self, work, place, number):
        super().__init__(daemon=True)
        self.work, self.blockIdx, self.threadIdx, self.number = work, Dim3(*place), Dim3(number, 0, 0), number
        self.turn, self.back = Lock(), Lock()
        self.turn.acquire()
        self.back.acquire()
        self.at, self.given, self.failed, self.abandoned = "begin", None, None, False

    def run(self):
        self.turn.acquire()
        try:
            if not self.abandoned:
                self.work()
        except Exception as failed:  # noqa: BLE001  handed on to who waits for the kernel
            self.failed = failed
        self.at = "end"
        self.back.release()

    def go(self):
        """Let it run until it waits or ends."""
        self.turn.release()
        self.back.acquire()

    def wait(self, at, given=None):
        """Hand the turn back, to go on when all of the block or of the warp are ``at`` the same place."""
        self.at, self.given = at, given
        self.back.release()
        self.turn.acquire()
        if self.abandoned:
            raise SystemExit

    def syncthreads(self):
        self.wait("barrier")


class _Block:
    """In the place of the simulator's BlockManager."""

    def __init__(self, function, _grid, block, _debug):
        self.function, self.threads = function, block[0]

    def run(self, place, *arguments):
        """Run the kernel on a block."""
        threads = [_Thread(lambda: self.function(*arguments), place, t) for t in range(self.threads)]
        for thread in threads:
            thread.start()
        warps = [threads[first : first + WARP] for first in range(0, len(threads), WARP)]
        order = 1 if sum(place) % 2 else -1
        running = threads
        try:
            while running:
                for thread in running[::order]:
                    thread.go()
                    if thread.failed:
                        raise thread.failed
                running = _ready(warps, threads)
        finally:
            for thread in threads:
                if thread.at != "end":
                    thread.abandoned = True
                    thread.turn.release()
                thread.join()


def _ready(warps, threads):
    """Who may go on: warps whose threads have met, else the whole block at a barrier."""
    met = [warp for warp in warps if {thread.at for thread in warp} == {"meeting"}]
    if met:
        for warp in met:
            meeting = Meeting([thread.given for thread in warp])
            for thread in warp:
                thread.given = meeting
        return [thread for warp in met for thread in warp]
    living = [thread for thread in threads if thread.at != "end"]
    if any(thread.at != "barrier" for thread in living):
        raise RuntimeError("threads wait for others that have ended, or that wait elsewhere")
    return living


def install():
    """Have the simulator take turns."""
    kernel.BlockManager = _Block
