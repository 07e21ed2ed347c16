"""The tests of the pool tested: a promise broken on purpose makes a test fail."""

import pytest
from unit import test_flush_to_zero, test_parallel

from nbbilinear.backends.numba import parallel, processors

import parallel_calls

pytestmark = pytest.mark.skipif(parallel_calls.PLAIN_PYTHON, reason="nothing is compiled")


@pytest.mark.skipif(not test_flush_to_zero.MODES, reason="the mode is out of reach here")
@pytest.mark.parametrize(("name", "instead"), [("enter", lambda: 0), ("leave", lambda before: None)])
def test_a_mode_that_is_not_set_or_not_restored(name, instead, monkeypatch):
    monkeypatch.setattr(parallel.floating_point, name, instead)
    with pytest.raises(AssertionError):
        test_flush_to_zero.test_the_mode_does_not_show("numba/portable", "flush to zero", monkeypatch)


def test_one_piece_of_workspace_for_everybody(monkeypatch):
    def work(job):
        args = (*job.args, job.workspace[: job.piece])
        for number in job.claims:
            if number >= job.total:
                return
            job.body(*args, number, number + 1)

    monkeypatch.setattr(parallel._Job, "work", work)
    monkeypatch.setattr(processors, "available", lambda: 64)
    with pytest.raises(AssertionError):
        test_parallel.test_nobody_shares_a_piece_of_the_workspace(5, None)


def test_an_error_that_is_swallowed(monkeypatch):
    monkeypatch.setattr(parallel._Job, "wait", lambda job: None)
    monkeypatch.setattr(processors, "available", lambda: 64)
    with pytest.raises(pytest.fail.Exception):
        test_parallel.test_an_error_in_a_helper_reaches_the_caller()


FORK_WHILE_COMPILING = """
import logging, os, sys, threading, time
register = os.register_at_fork
if sys.argv[1] == "forgetful":
    os.register_at_fork = lambda **hooks: None if "_hold" in str(hooks.get("before")) else register(**hooks)
import numba
import nbbilinear.backends.numba

def compile_for_ever():
    while True:
        numba.njit(lambda x: x * x + 1).compile("(float64[:],)")

numba.njit(lambda x: x + 1)(1)
threading.Thread(target=compile_for_ever, daemon=True).start()
time.sleep(0.2)
child = os.fork()
if child == 0:
    numba.njit(lambda x: x + 2)(1)
    os._exit(0)
until, done = time.monotonic() + float(sys.argv[2]), 0
while not done and time.monotonic() < until:
    done, _ = os.waitpid(child, os.WNOHANG)
    time.sleep(0.01)
print("came back" if done else "never came back", flush=True)
os.kill(child, 9) if not done else None
os._exit(0)
"""


@pytest.mark.parametrize(
    ("hooks", "seconds", "answer"), [("all", 60, "came back"), ("forgetful", 4, "never came back")]
)
def test_locks_that_a_fork_leaves_taken(hooks, seconds, answer):
    assert parallel_calls.in_process(FORK_WHILE_COMPILING, hooks, seconds).strip() == answer
