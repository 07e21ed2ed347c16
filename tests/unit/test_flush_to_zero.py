"""The caller's floating-point mode neither shows in a result nor is it changed by a call."""

import platform
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear.backends.numba import floating_point, parallel, processors

import parallel_calls

MODES = {  # the bits that differ from IEEE's
    "x86_64": {"flush to zero": 0x8040, "towards zero": 0x6000},
    "amd64": {"flush to zero": 0x8040, "towards zero": 0x6000},
    "aarch64": {"flush to zero": 1 << 24, "towards zero": 3 << 22},
    "arm64": {"flush to zero": 1 << 24, "towards zero": 3 << 22},
}.get(platform.machine().lower(), {})
pytestmark = pytest.mark.skipif(parallel_calls.PLAIN_PYTHON or not MODES, reason="the mode is out of reach here")


set_mode, to_ieee = floating_point.leave, floating_point.enter


@contextmanager
def mode(name):
    """Compute in this mode; on leaving it must still be set."""
    set_mode(MODES[name])
    try:
        yield
    finally:
        found = to_ieee()
    assert found == MODES[name]


def test_the_modes_are_what_they_say():
    one, small = np.array([1.0]), np.array([1e-310])
    with mode("flush to zero"):
        flushed = (small * 1).view(np.int64)[0]  # as an integer: the comparison of floats flushes too
    with mode("towards zero"):
        cut = one / 10
    assert flushed == 0
    assert (small * 1).view(np.int64)[0] != 0
    assert one / 10 - cut == np.spacing(0.1)  # a tenth is rounded up


@pytest.mark.parametrize(
    "name", [name if name == "flush to zero" else pytest.param(name, marks=pytest.mark.thorough) for name in MODES]
)
@pytest.mark.parametrize("kernel", parallel_calls.kernels())
def test_the_mode_does_not_show(kernel, name, monkeypatch):
    monkeypatch.setattr(processors, "available", lambda: 3)
    tiny, least = parallel_calls.tiny, np.finfo(np.float32).tiny
    y, dx1, _, dweight, dbias = parallel_calls.results(kernel, tiny)[:5]
    assert all(((abs(a) < least) & (a != 0)).any() for a in (y, dx1, dweight, dbias))
    want = parallel_calls.digest(kernel, tiny)
    for threads in (1, 3):
        parallel._team.cache_clear()  # its threads are born in the caller's mode
        with nbl.config(threads=threads), mode(name):
            found = {parallel_calls.digest(kernel, tiny) for _ in range(3)}
        assert found == {want}


@pytest.mark.parametrize("total", [1, 10])
def test_restored_after_an_error(total):
    def body(start, stop):
        raise ZeroDivisionError

    with mode("flush to zero"), pytest.raises(ZeroDivisionError):
        parallel.run(body, (), total, 1)


def test_other_threads_keep_theirs():
    with mode("flush to zero"), ThreadPoolExecutor(1) as born:
        assert born.submit(floating_point.enter).result() == MODES["flush to zero"]
        assert born.submit(floating_point.enter).result() == 0
