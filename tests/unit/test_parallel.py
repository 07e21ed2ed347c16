"""The sharing of chunks: every chunk once, errors reach the caller, nothing hangs after a fork."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear.backends.numba import parallel


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize(("total", "chunk"), [(1, 1), (7, 3), (100, 1), (5, 9)])
def test_every_chunk_once(threads, total, chunk):
    seen = []
    with nbl.config(threads=threads):
        parallel.run(lambda start, stop: seen.append((start, stop)), (), total, chunk)
    covered = sorted(i for start, stop in seen for i in range(start, stop))
    assert covered == list(range(total))
    assert all(stop - start <= max(chunk, total if chunk >= total else 0) for start, stop in seen)


def test_the_caller_does_not_wait_for_helpers_that_never_come(monkeypatch):
    class Deaf:
        def call(self, job, helpers):
            """Lose the job."""

    monkeypatch.setattr(parallel, "_team", Deaf)
    seen = []
    with nbl.config(threads=4):
        parallel.run(lambda start, stop: seen.append(start), (), 10, 1)
    assert sorted(seen) == list(range(10))


def test_an_error_in_a_helper_reaches_the_caller():
    caller = threading.get_ident()
    inside = threading.Event()

    def body(start, stop):
        if threading.get_ident() == caller:
            assert inside.wait(20)
        else:
            inside.set()
            raise ZeroDivisionError

    with nbl.config(threads=2), pytest.raises(ZeroDivisionError):
        parallel.run(body, (), 4, 1)


def test_chunks_depend_on_sizes_only():
    sizes = set()
    for threads in (1, 2, 7):
        with nbl.config(threads=threads):
            sizes.add(parallel.chunk_size(1000, 5000))
    assert sizes == {400}


def test_many_threads_at_once():
    rng = np.random.default_rng(0)
    x1, x2, weight = (rng.normal(size=shape) for shape in ((40, 31), (40, 29), (8, 31, 29)))
    want = nbl.bilinear(x1, x2, weight, backend="numba")
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: nbl.bilinear(x1, x2, weight, backend="numba"), range(64)):
            np.testing.assert_array_equal(found, want)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_forked_child_computes():
    rng = np.random.default_rng(1)
    x1, x2, weight = (rng.normal(size=shape) for shape in ((300, 31), (300, 29), (8, 31, 29)))
    if os.environ.get("NUMBA_DISABLE_JIT") == "1":
        x1, x2 = x1[:4], x2[:4]
    with nbl.config(threads=2):
        want = nbl.bilinear(x1, x2, weight, backend="numba")
        child = os.fork()
        if child == 0:
            same = (nbl.bilinear(x1, x2, weight, backend="numba") == want).all()
            os._exit(0 if same else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_thread_count_honours_numba_and_affinity(monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    parallel.available_threads.cache_clear()
    assert parallel.available_threads() == 1
    parallel.available_threads.cache_clear()


def test_an_interrupt_waits_for_the_helpers_inside():
    job = parallel._Job(lambda start, stop: None, (), 1, 1)
    job.inside = 1
    waits = []

    def wait():
        waits.append(1)
        if len(waits) < 3:
            raise KeyboardInterrupt
        job.inside = 0

    job.quiet.wait = wait
    with pytest.raises(KeyboardInterrupt):
        job.close()
    assert len(waits) == 3
    assert job.closed


def test_late_helpers_touch_nothing():
    seen = []
    job = parallel._Job(lambda start, stop: seen.append(start), (), 4, 1)
    job.close()
    job.help()
    assert seen == []


def test_no_more_threads_to_be_had(monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    parallel._team.cache_clear()
    seen = []
    with nbl.config(threads=4):
        parallel.run(lambda start, stop: seen.append(start), (), 10, 1)
    assert sorted(seen) == list(range(10))
    parallel._team.cache_clear()


def test_no_kernel_is_cached_on_disk():
    """Numba's cache ignores options and callees, and was seen to load the code of another signature."""
    import numba

    from nbbilinear.backends.numba.portable import pairs, rows

    compiled = [v for module in (rows, pairs) for v in vars(module).values() if hasattr(v, "py_func")]
    assert compiled or numba.config.DISABLE_JIT
    assert all(type(dispatcher._cache).__name__ == "NullCache" for dispatcher in compiled)
    assert not any(dispatcher.targetoptions.get("parallel") for dispatcher in compiled)
