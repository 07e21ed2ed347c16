"""What surrounds the kernels: taking in, planning, outputs, stored files."""

from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from conformance import test_forms, test_product, test_promises
from unit import test_stored_files

import cases
import formed
from ..bugs import lines


def indices():
    """The ends of an index, on every way."""
    for case in test_promises.WITH_INDEX:
        for way in test_promises.INDICES:
            test_promises.test_an_index_reaches_from_end_to_end(case, way)
            for backend in ("numpy", "numba"):
                test_promises.test_an_index_beyond_either_end_is_refused(case, way, backend)


def outputs():
    """Outputs that share memory, and those that do not."""
    for one, other in test_promises.combinations(test_promises.nbl.BilinearGrads._fields, 2):
        for way in ("one array", "one overlaps the other", "interleaved"):
            test_promises.test_two_outputs_share_no_element(one, other, way)


def workspaces():
    """Workspaces under other settings."""
    for kernel in cases.kernels():
        with pytest.MonkeyPatch.context() as patch:
            test_promises.test_a_workspace_is_as_large_as_the_kernel_asks_under_the_settings_in_force(kernel, patch)


def axes():
    """Which axes are looped over."""
    for case in cases.NAMES:
        test_promises.test_of_two_sets_of_axes_the_smaller_is_looped_over(case)


def sums():
    """Half floats beyond their range on the way."""
    with np.errstate(all="ignore"):
        for case in cases.NAMES:
            if cases.shapes(case).bias is not None:
                test_promises.test_a_sum_beyond_the_range_of_half_floats_comes_back_with_the_bias(case, "numpy")


def forms():
    """Every gradient of every form, alone and with others."""
    for name, case in formed.EVERY:
        test_forms.test_gradients_are_the_adjoint_bit_for_bit(name, case)


def files():
    """Stored files that lie."""
    with TemporaryDirectory() as place:
        test_stored_files.test_a_directory_that_lies_about_a_size_is_not_believed(Path(place))


@cache
def product(kernel):
    """The product and its gradients by one kernel, in any use."""
    return partial(_product, kernel)


def _product(kernel):
    for case in ("rows", "no out axis", "bias row"):
        test_product.hold_every_third(kernel, case, test_product.rows_for(kernel, case))


LINES = [  # module, what stands there, what is put in its place, the check
    ("calls", "return g.astype(computed_in(given.dtype), copy=False)", "return g", product("numba/simd.columns")),
    ("plain", "max() < len(weight)", "max() <= len(weight)", indices),
    ("execute", "if bias is not None and fused is None and out.dtype != problem.dtype:", "if False:", sums),
    ("forms.cores.diagonal", "v, u, p, wanted[::-1])", "v, u, p, wanted)", forms),
    ("calls", 'inputs |= {f"out.{name}": filled[name]}', "pass", outputs),
    ("pullback", "else self._resized()", "else self._choice", workspaces),
    ("kg.checkpoint", "if entry.file_size > size:", "if False:", files),
    ("axes", "min((chosen1, chosen2)", "max((chosen1, chosen2)", axes),
    ("outputs", " and np.shares_memory(one, other)", "", outputs),
]

BUGS = lines(LINES, lambda check: check)
