"""A forked child computes: also its child, from a thread, while others compute or compile, past Python's hooks."""

import os

import pytest

import parallel_calls

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

COMMON = """
import ctypes, os, threading, time
import nbbilinear as nbl
import parallel_calls
KERNELS = parallel_calls.kernels()
if parallel_calls.PLAIN_PYTHON:
    KERNELS = KERNELS[:1]
WANT = {kernel: parallel_calls.digest(kernel) for kernel in KERNELS}

def right():
    return all(parallel_calls.digest(kernel) == WANT[kernel] for kernel in KERNELS)

def wait(child, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return "no answer"

def in_child(work, fork=os.fork):
    child = fork()
    if child == 0:
        good = False
        try:
            good = work()
        finally:
            os._exit(0 if good else 1)
    return wait(child)
"""
QUIET = """
assert right()
print("child", in_child(right))
print("grandchild", in_child(lambda: right() and in_child(right) == 0))
print("grandchild of a child that did not compute", in_child(lambda: in_child(right) == 0))
seen = []
from_thread = threading.Thread(target=lambda: seen.append(in_child(right)))
from_thread.start()
from_thread.join()
print("from a thread", *seen)
print("past Python's hooks", in_child(right, fork=ctypes.PyDLL(None).fork))
print("parent", 0 if right() else 1)
"""
BUSY = """
done = threading.Event()
wrong = []

def compute():
    while not done.is_set():
        if not right():
            wrong.append(1)

threads = [threading.Thread(target=compute) for _ in range(2)]
for thread in threads:
    thread.start()
for turn in range(4):
    print("child", in_child(right))
print("grandchild", in_child(lambda: right() and in_child(right) == 0))
done.set()
for thread in threads:
    thread.join()
print("parent", len(wrong))
"""
COMPILING = """
import numba

started, done = threading.Event(), threading.Event()

def compile_for_ever():
    while not done.is_set():
        started.set()
        numba.njit(lambda x: x * x + 1).compile("(float64[:],)")

def compiles():
    numba.njit(lambda x: x + 2)(1)
    return right()

thread = threading.Thread(target=compile_for_ever)
thread.start()
started.wait()
for turn in range(4):
    time.sleep(0.017 * turn)
    print("child", in_child(compiles))
print("grandchild", in_child(lambda: in_child(compiles) == 0))
done.set()
thread.join()
print("parent", 0 if right() else 1)
"""


@pytest.mark.thorough
def test_everybody_computes():
    scenes = QUIET + BUSY + ("" if parallel_calls.PLAIN_PYTHON else COMPILING)
    answers = parallel_calls.in_process(COMMON + scenes).splitlines()
    assert len(answers) == scenes.count("print") + scenes.count("range(4)") * 3
    assert [answer for answer in answers if not answer.endswith(" 0")] == []


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


@pytest.mark.thorough
@pytest.mark.skipif(parallel_calls.PLAIN_PYTHON, reason="nothing is compiled")
@pytest.mark.parametrize(
    ("hooks", "seconds", "answer"), [("all", 60, "came back"), ("forgetful", 4, "never came back")]
)
def test_locks_that_a_fork_leaves_taken(hooks, seconds, answer):
    assert parallel_calls.in_process(FORK_WHILE_COMPILING, hooks, seconds).strip() == answer
