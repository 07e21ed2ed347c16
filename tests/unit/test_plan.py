import pickle

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear.axes import sort_axes


def test_all_pairs_cost_two_matrix_products():
    """One GEMM of 1000 x 64 x 512 and one of 1000 x 1000 x 64 x 8 forward; two large ones and three small backward."""
    shapes = (1000, 1, 64), (1, 1000, 64), (8, 64, 64)
    small, large = 2 * 1000 * 64 * 512, 2 * 1000 * 1000 * 64 * 8
    forward = nbl.plan(*shapes, backend="numpy/gemm")
    assert forward.flop == small + large
    assert nbl.plan(*shapes, backward=True, backend="numpy/gemm").flop == 3 * small + 2 * large
    assert nbl.plan(*shapes).chosen.kernel.structure == "pairs"
    assert forward.workspace_bytes <= 4 << 20


def test_the_cheaper_operand_is_mapped():
    few_in_x2 = nbl.plan((1000, 1, 64), (1, 3, 64), (1, 64, 64), backend="numba")
    few_in_x1 = nbl.plan((3, 1, 64), (1, 1000, 64), (1, 64, 64), backend="numba")
    assert not few_in_x2.chosen.problem.axes.mirrored
    assert few_in_x1.chosen.problem.axes.mirrored
    assert few_in_x1.flop == few_in_x2.flop


def test_one_against_all_maps_the_rows_that_choose_a_weight():
    plan = nbl.plan((64, 1, 100), (1, 104, 100), (50, 100, 100), index=(64, 1))
    assert plan.chosen.problem.axes.mirrored
    assert plan.flop == 2 * 64 * 100 * 100 + 2 * 64 * 104 * 100


def test_orders_follow_the_sizes():
    orders = {
        ((16384, 8), (16384, 8), (256, 8, 8)): "numpy/gemm.outer",  # more outputs than in1 * in2
        ((4, 128), (4, 128), (128, 128, 128)): "numpy/gemm.left",  # few rows
        ((2000, 300), (2000, 2), (3, 300, 2)): "numpy/gemm.left",  # the wide side is mapped to the narrow one
    }
    for shapes, order in orders.items():
        assert nbl.plan(*shapes, backend="numpy").chosen.label == order
    exchanged = nbl.plan((2000, 300), (2000, 2), (3, 300, 2), backend="numpy/gemm.project")
    assert exchanged.chosen.label == "numpy/gemm.project (x1 and x2 exchanged)"


def test_a_backend_that_is_absent_is_passed_over_unless_asked_for(monkeypatch):
    from nbbilinear import backends
    from nbbilinear.plan import _plan

    monkeypatch.setitem(backends._TABLE, "absent", backends.Entry("nbbilinear.backends.no_such_folder", "numpy"))
    _plan.cache_clear()
    assert nbl.bilinear(np.ones(11), np.ones(13), np.ones((11, 13))) == 143
    with pytest.raises(nbl.BackendError, match="'absent' cannot run here"):
        nbl.bilinear(np.ones(11), np.ones(13), np.ones((11, 13)), backend="absent")


def test_slices_are_counted_in_cost_and_flop():
    one = nbl.plan((3,), (4,), (9, 2, 3, 4), index=(1,), backend="numpy/einsum")
    six = nbl.plan((3,), (4,), (9, 2, 3, 4), index=(6,), backend="numpy/einsum")
    assert six.flop == 6 * one.flop
    assert np.isclose(six.chosen.seconds, 6 * one.chosen.seconds)


@pytest.mark.parametrize("backward", [False, True])
def test_workspace_is_bounded_whatever_the_sizes(backward):
    for shapes in [((10**6, 32), (10**6, 32), (32, 32, 32)), ((10**4, 1, 64), (1, 10**4, 64), (64, 64, 64))]:
        assert nbl.plan(*shapes, backward=backward).workspace_bytes <= 8 << 20


def test_printed_plan_says_what_and_why():
    text = str(nbl.plan((7, 1, 3), (1, 5, 4), (2, 3, 4), dtype="float64", backward=True))
    assert "pairs: shared 1 x rows1" in text
    assert "gradients of x1, x2, weight" in text
    assert text.count("us expected") >= 4
    assert text.splitlines()[2].startswith("->")
    assert "nothing is multiplied" in str(nbl.plan((0, 3), (0, 4), (2, 3, 4)))
    assert "in 6 slices along leading axes (0,)" in str(nbl.plan((3,), (4,), (9, 2, 3, 4), index=(6,)))


def test_a_plan_runs_and_spares_allocation():
    rng = np.random.default_rng(0)
    x1, x2, weight = rng.normal(size=(50, 30)), rng.normal(size=(50, 20)), rng.normal(size=(4, 30, 20))
    plan = nbl.plan(x1, x2, weight, backend="numpy")
    out, workspace = np.empty((50, 4)), np.empty(plan.workspace_bytes // 8)
    assert plan.run(x1, x2, weight, out=out, workspace=workspace) is out
    np.testing.assert_array_equal(out, nbl.bilinear(x1, x2, weight, backend="numpy"))


@pytest.mark.parametrize("backend", [None, "numpy"])
def test_gradients_are_computed_in_the_workspace_they_are_given(backend):
    rng = np.random.default_rng(0)
    shapes = (50, 30), (50, 20), (4, 30, 20), (50, 4)
    x1, x2, weight, g = (rng.integers(-3, 4, shape).astype("f8") for shape in shapes)
    plan = nbl.plan(x1, x2, weight, backward=True, backend=backend)
    workspace = np.full(plan.workspace_bytes // 8, np.nan)
    found = nbl.bilinear_backward(g, x1, x2, weight, backend=backend, workspace=workspace)
    assert not np.isnan(workspace).all()
    np.testing.assert_array_equal(found.x1, np.einsum("bk,kij,bj->bi", g, weight, x2))
    np.testing.assert_array_equal(found.x2, np.einsum("bk,kij,bi->bj", g, weight, x1))
    np.testing.assert_array_equal(found.weight, np.einsum("bk,bi,bj->kij", g, x1, x2))


def test_plans_are_kept_and_bounded():
    from nbbilinear.plan import _plan

    assert nbl.plan((3, 3), (3, 3), (3, 3, 3)) is nbl.plan((3, 3), (3, 3), (3, 3, 3))
    assert _plan.cache_info().maxsize == 1024


def test_axes_of_size_one_belong_to_nobody():
    axes = sort_axes((2, 1, 5), (2, 1, 1), (1, 5), ())
    assert (axes.shared, axes.only1, axes.only2, axes.mirrored) == ((), (0,), (2,), False)


def test_auto_goes_back_to_the_cheapest():
    shapes = (1000, 64), (1000, 64), (64, 64, 64)
    cheapest = nbl.plan(*shapes).chosen.label
    with nbl.config(backend="numpy/einsum"):
        assert nbl.plan(*shapes).chosen.label != cheapest
        assert nbl.plan(*shapes, backend="auto").chosen.label == cheapest
        with nbl.config(backend="auto"):
            assert nbl.plan(*shapes).chosen.label == cheapest


def test_a_plan_can_be_sent_to_another_process():
    plan = pickle.loads(pickle.dumps(nbl.plan((3, 4), (3, 5), (2, 4, 5), backend="numpy")))
    np.testing.assert_array_equal(plan.run(*(np.ones(s, "f4") for s in ((3, 4), (3, 5), (2, 4, 5)))), 20)


CARD = [  # (rows, in1, in2, out), forward and backward: the estimates of a device of 132 processors, nothing measured
    ((65536, 64, 64, 64), "cuda/fused", "cuda/fused"),
    ((1 << 20, 32, 32, 32), "cuda/fused", "cuda/fused"),
    ((128, 20, 30, 40), "cuda/fused", "cuda/fused"),
    ((16384, 8, 8, 256), "cupy/gemm.outer", "cupy/gemm.outer"),
    ((512, 512, 512, 512), "cuda/fused", "cuda/sides"),
    ((65536, 256, 256, 1), "cuda/fused", "cuda/sides"),
    ((4, 100, 100, 50), "cuda/fused", "cuda/few"),
    ((32, 10, 20, 5), "cuda/fused", "cuda/elements"),
]


@pytest.mark.parametrize(("sizes", "forward", "backward"), CARD)
def test_on_a_card_the_plan_weighs_fused_kernels_and_products(monkeypatch, sizes, forward, backward):
    import device

    rows, in1, in2, out = sizes
    found = device.module()
    found.cuda.Device.compute_capability, found.cuda.Device.attributes = "90", {"MultiProcessorCount": 132}
    monkeypatch.setattr("importlib.util.find_spec", lambda _: True)
    with device.in_place_of_cupy(found):
        shapes = (rows, in1), (rows, in2), (out, in1, in2), (out,)
        operands = [device.ndarray(np.empty(shape, "f4")) for shape in shapes]  # nobody reads them
        for wanted, of_gradients in ((forward, False), (backward, True)):
            plan = nbl.plan(*operands, backward=of_gradients)
            assert plan.chosen.kernel.name == wanted
            assert {choice.kernel.name.partition("/")[0] for choice in plan.choices} == {"cuda", "cupy"}
