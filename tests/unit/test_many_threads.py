"""Bits are the same on any number of threads, from many Python threads, and beside parallel loops of others."""

from concurrent.futures import ThreadPoolExecutor

import pytest

import nbbilinear as nbl
from nbbilinear.backends.numba import processors

import parallel_calls

KERNELS = parallel_calls.kernels()


@pytest.mark.parametrize("kernel", KERNELS)
def test_bits_do_not_depend_on_the_number_of_threads(kernel, monkeypatch):
    monkeypatch.setattr(processors, "available", lambda: 7)
    found = set()
    for threads in (1, 2, 3, 7):
        with nbl.config(threads=threads):
            found.add(parallel_calls.digest(kernel))
    assert len(found) == 1


@pytest.mark.parametrize("kernel", KERNELS)
def test_many_threads_at_once(kernel):
    want = parallel_calls.digest(kernel)
    with ThreadPoolExecutor(32) as pool:
        assert set(pool.map(lambda _: parallel_calls.digest(kernel), range(32))) == {want}


BESIDE_A_FOREIGN_LOOP = """
import threading
from concurrent.futures import ThreadPoolExecutor
import numba, numpy as np
import parallel_calls

@numba.njit(parallel=True, nogil=True)
def foreign(x):
    for n in numba.prange(len(x)):
        x[n] = 2 * x[n] - x[n] * x[n]

def keep_going():
    x = np.full(10**5, 0.5)
    while not done.is_set():
        foreign(x)

want = {kernel: parallel_calls.digest(kernel) for kernel in parallel_calls.kernels()}
foreign(np.ones(3))
done = threading.Event()
other = threading.Thread(target=keep_going)
other.start()
with ThreadPoolExecutor(8) as pool:
    for kernel in want:
        print(kernel, set(pool.map(lambda _: parallel_calls.digest(kernel), range(8))) == {want[kernel]})
done.set()
other.join()
"""


@pytest.mark.thorough
@pytest.mark.skipif(parallel_calls.PLAIN_PYTHON, reason="no loop is parallel")
def test_beside_a_parallel_loop_of_another_library():
    answers = parallel_calls.in_process(BESIDE_A_FOREIGN_LOOP).splitlines()
    assert answers == [f"{kernel} True" for kernel in KERNELS]
