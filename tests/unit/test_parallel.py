"""The sharing of chunks: every chunk once, a piece of workspace for each thread, errors reach the caller."""

import threading

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear.backends.numba import parallel, processors


@pytest.fixture
def processors_to_spare(monkeypatch):
    """As many threads as a test asks for, on any machine."""
    monkeypatch.setattr(processors, "available", lambda: 64)


@pytest.mark.usefixtures("processors_to_spare")
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize(("total", "chunk"), [(1, 1), (7, 3), (100, 1), (5, 9)])
def test_every_chunk_once(threads, total, chunk):
    seen = []
    with nbl.config(threads=threads):
        parallel.run(lambda start, stop: seen.append((start, stop)), (), total, chunk)
    covered = sorted(i for start, stop in seen for i in range(start, stop))
    assert covered == list(range(total))
    assert all(stop - start <= max(chunk, total if chunk >= total else 0) for start, stop in seen)


@pytest.mark.usefixtures("processors_to_spare")
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("piece", [None, 8])
def test_nobody_shares_a_piece_of_the_workspace(threads, piece):
    taken, sizes, done = set(), set(), []

    def body(results, own, start, stop):
        address = own.ctypes.data
        assert address not in taken
        taken.add(address)
        sizes.add(len(own))
        own[:] = start
        pause.wait(0.001)
        assert (own == start).all()
        taken.remove(address)
        results += range(start, stop)

    pause = threading.Event()
    with nbl.config(threads=threads):
        parallel.run(body, (done,), 50, 1, np.empty(8 * parallel.participants() + 3), piece)
        parallel.run(body, (done,), 1, 1, np.empty(8 * parallel.participants()), piece)
    assert sorted(done) == sorted([*range(50), 0])
    assert min(sizes) >= 8
    assert len(sizes) == 1 or piece is None


@pytest.mark.usefixtures("processors_to_spare")
def test_no_more_threads_than_pieces():
    threads = set()

    def body(own, start, stop):
        threads.add(threading.get_ident())
        pause.wait(0.001)

    pause = threading.Event()
    with nbl.config(threads=8):
        parallel.run(body, (), 50, 1, np.empty(17), 8)
    assert len(threads) <= 2


def test_participants(monkeypatch):
    monkeypatch.setattr(processors, "available", lambda: 3)
    assert parallel.participants() == 3
    for threads, taking_part in ((1, 1), (2, 2), (3, 3), (4, 3)):
        with nbl.config(threads=threads):
            assert parallel.participants() == taking_part


def test_the_caller_does_not_wait_for_helpers_that_never_come(monkeypatch):
    class Deaf:
        def call(self, job, helpers):
            """Lose the job."""

    monkeypatch.setattr(parallel, "_team", lambda process: Deaf())
    monkeypatch.setattr(processors, "available", lambda: 4)
    seen = []
    parallel.run(lambda start, stop: seen.append(start), (), 10, 1)
    assert sorted(seen) == list(range(10))


@pytest.mark.usefixtures("processors_to_spare")
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
    found = set()
    for threads in (1, 2, 7):
        with nbl.config(threads=threads):
            found.add(tuple(parallel.chunk_size(total, 5000) for total in (1, 1000, 10**5, 10**9)))
    assert found == {(1, 200, 1562, 2000)}
    assert parallel.chunk_size(10, 0) == 10
    assert parallel.chunk_size(10, 10**12) == 1
    assert parallel.chunk_size(10**9, 5000, 2 * parallel.PLAIN) == 4000


def test_late_helpers_touch_nothing():
    seen = []
    job = parallel._Job(lambda start, stop: seen.append(start), (), 4, 1)
    job.closed = True
    job.wait()
    job.help()
    assert seen == []


@pytest.mark.usefixtures("processors_to_spare")
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
