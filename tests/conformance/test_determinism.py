"""Same input, same bits: again, in another process, with any number of threads, whatever the neighbouring rows."""

import os
import subprocess
import sys

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear import backends

import cases

WITHOUT_BLAS = [kernel for kernel in cases.kernels() if kernel.startswith("numba")]
INVARIANT = sorted({kernel.name for kernel in backends.backend("numba").kernels if kernel.batch_invariant})
CODE = """
import hashlib, sys, numpy as np, nbbilinear as nbl
all_shapes = (
    ((257, 31), (257, 29), (16, 31, 29)),
    ((61, 1, 31), (1, 67, 29), (16, 31, 29)),
    ((5, 310), (5, 290), (16, 310, 290)),
)
for kernel in sys.argv[2:]:
    rng = np.random.default_rng(0)
    digest, taken = hashlib.sha256(), 0
    for shapes in all_shapes:
        x1, x2, w = (rng.normal(size=s).astype("f4") for s in shapes)
        with nbl.config(threads=int(sys.argv[1])):
            try:
                y = nbl.bilinear(x1, x2, w, backend=kernel)
            except nbl.BackendError:  # this kernel is for the other structure
                continue
            taken += 1
            for a in (y, *nbl.bilinear_backward(np.ones_like(y), x1, x2, w, backend=kernel)[:3]):
                digest.update(a.tobytes())
    assert taken
    print(digest.hexdigest())
"""


def digests(threads, *kernels):
    command = [sys.executable, "-W", "error", "-c", CODE, str(threads), *kernels]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=600, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    )
    return dict(zip(kernels, done.stdout.split(), strict=True))


@pytest.fixture(scope="module")
def in_two_processes():
    return [digests(threads, *kernels) for threads, kernels in ((1, WITHOUT_BLAS), (3, WITHOUT_BLAS[::-1]))]


@pytest.mark.thorough
@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="minutes of plain Python loops")
@pytest.mark.parametrize("kernel", WITHOUT_BLAS)
def test_bits_do_not_depend_on_process_or_threads(kernel, in_two_processes):
    assert len({found[kernel] for found in in_two_processes}) == 1


@pytest.mark.parametrize("kernel", cases.kernels())
def test_again_is_the_same(kernel):
    rng = np.random.default_rng(1)
    operands = [rng.normal(size=shape) for shape in ((33, 17), (33, 13), (5, 17, 13))]
    assert len({nbl.bilinear(*operands, backend=kernel).tobytes() for _ in range(5)}) == 1


@pytest.mark.parametrize("kernel", INVARIANT)
def test_a_row_does_not_depend_on_its_neighbours(kernel):
    rng = np.random.default_rng(2)
    x1, x2, weight = (rng.normal(size=shape).astype("f4") for shape in ((19, 31), (19, 29), (5, 31, 29)))
    with nbl.config(batch_invariant=True, backend=kernel):
        whole = nbl.bilinear(x1, x2, weight)
        alone = np.concatenate([nbl.bilinear(x1[b : b + 1], x2[b : b + 1], weight) for b in range(19)])
    np.testing.assert_array_equal(whole, alone)


def test_batch_invariant_passes_over_kernels_that_are_not():
    with nbl.config(batch_invariant=True):
        choices = nbl.plan((1000, 64), (1000, 64), (64, 64, 64)).choices
        assert choices
        assert all(choice.kernel.batch_invariant for choice in choices)
        for shapes in (((2, 2), (2, 2), (2, 2, 2)), ((2, 1, 2), (1, 2, 2), (2, 2, 2))):
            with pytest.raises(nbl.BackendError, match="computes each row by itself"):
                nbl.plan(*shapes, backend="numpy" if len(shapes[0]) == 2 else None)


def test_the_order_of_x1_and_x2_does_not_depend_on_the_number_of_rows():
    for in1, in2, out in ((3, 200, 4), (200, 3, 4), (31, 31, 1)):
        with nbl.config(batch_invariant=True):
            plans = [nbl.plan((rows, in1), (rows, in2), (out, in1, in2)) for rows in (1, 2, 17, 10_000)]
        assert len({plan.chosen.label for plan in plans}) == 1
