"""Who else computes while something is measured: a busy process, a busy Python thread, and others on the machine."""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep

SCENES = ("alone", "busy process", "busy Python thread")


@contextmanager
def beside(scene):
    """With the neighbour of this scene; yields a function: the processors that all others kept busy since."""
    done, neighbour = threading.Event(), None
    if scene == "busy process":
        neighbour = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    elif scene == "busy Python thread":
        threading.Thread(target=_spin, args=(done,), daemon=True).start()
    try:
        sleep(0.3)
        yield _others()
    finally:
        done.set()
        if neighbour:
            neighbour.kill()
            neighbour.wait()


def _spin(done):
    while not done.is_set():
        pass


def _others():
    begin, busy, own = perf_counter(), _busy(), sum(os.times()[:2])

    def since():
        return max(0.0, (_busy() - busy - sum(os.times()[:2]) + own) / (perf_counter() - begin))

    return since


def _busy():
    """Processor seconds of the machine, whoever used them; nan where the system does not say."""
    try:
        ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except OSError:
        return float("nan")
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
