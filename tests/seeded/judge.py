"""What the check of a bug says, in a process of its own: nothing that the bug does reaches anything else."""

import os
import resource
import select
import signal
import time
import traceback
from typing import NamedTuple

from .changed import forget

SURVIVED, WRONG, ERROR, ABSENT = 0, 10, 11, 12
SAID = {SURVIVED: "SURVIVED", WRONG: "wrong value", ERROR: "error", ABSENT: "NOT INSTALLED"}
SECONDS = 600  # by the clock: also what waits for ever ends
TIMES, MORE = 3, 10  # as long as without a bug, compiling included, and some seconds of the processor


class Verdict(NamedTuple):
    """``said``: what the check raised."""

    caught: bool
    word: str
    said: str


def seconds_of(check):
    """Seconds of the processor that a check takes here and now; what it compiles, the processes of bugs have."""
    start = time.process_time()
    check()
    return time.process_time() - start


def judged(install, check, seconds):
    """The verdict on a bug, from a fork of this process."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        limit = int(TIMES * seconds + MORE)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os._exit(_outcome(install, check, writer))
    os.close(writer)
    said, in_time = _all_of(reader, time.monotonic() + SECONDS)
    if not in_time:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not in_time or status == -signal.SIGXCPU:
        return Verdict(True, "time is up", said)
    if status < 0:
        return Verdict(True, f"crash ({signal.Signals(-status).name})", said)
    return Verdict(status in (WRONG, ERROR), SAID.get(status, f"exit code {status}"), said)


def _outcome(install, check, writer):
    """In the child: the exit code."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    try:
        forget()
        install()
    except Exception:  # noqa: BLE001 - whatever it is: there is no bug to catch then
        os.write(writer, traceback.format_exc().encode()[-4000:])
        return ABSENT
    try:
        check()
    except BaseException as error:  # noqa: BLE001 - an interrupt or an exit too: all of it is a catch
        os.write(writer, "".join(traceback.format_exception(error)).encode()[-4000:])
        return WRONG if isinstance(error, AssertionError) else ERROR
    return SURVIVED


def _all_of(reader, until):
    """What is written to a pipe until its other end is closed, and whether that was in time."""
    said = b""
    while select.select([reader], [], [], max(0, until - time.monotonic()))[0]:
        part = os.read(reader, 4096)
        said += part
        if not part:
            os.close(reader)
            return said.decode(errors="replace"), True
    os.close(reader)
    return said.decode(errors="replace"), False
