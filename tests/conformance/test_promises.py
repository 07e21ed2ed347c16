"""What every way of a call promises: the ends of an index, outputs that meet, memory and blocks as planned."""

from itertools import combinations

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear.execute import Choice

import cases
import halves

WITH_INDEX = [case for case in cases.NAMES if cases.shapes(case).index is not None]
INDICES = {  # the short way of a call, and the long ones
    "int64": np.asarray,
    "int32": lambda index: index.astype(np.int32),
    "strided": lambda index: np.repeat(index[..., None], 2, -1)[..., 0],
    "unsigned": lambda index: np.where(index < 0, index + COUNT, index).astype(np.uint8),
}
COUNT = 3  # of weights, in every case with an index


def given_with(case, numbers, way, features=(3, 2)):
    """Operands of whole numbers whose rows choose these weights, the last of them last."""
    some = cases.shapes(case, 4, 5, 2, *features)
    ours = cases.operands(some, "float64", np.random.default_rng(7), cases.small_integers)
    index = np.resize(np.array(numbers), some.index)
    index.flat[-1] = numbers[-1]
    return ours | {"index": INDICES[way](index)}


@pytest.mark.parametrize("way", INDICES)
@pytest.mark.parametrize("case", WITH_INDEX)
def test_an_index_reaches_from_end_to_end(case, way):
    for numbers in ([COUNT - 1, 0], [-COUNT, -1], [0, COUNT - 1, -COUNT]):
        given = given_with(case, numbers, way)
        np.testing.assert_array_equal(nbl.bilinear(**given), cases.definition(**given))


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("way", INDICES)
@pytest.mark.parametrize("case", WITH_INDEX)
def test_an_index_beyond_either_end_is_refused(case, way, backend):
    for features in ((3, 2), (2, 3)):
        for outside in (COUNT, -COUNT - 1):
            given = given_with(case, [0, outside], way, features)
            g = np.ones(cases.y_shape(cases.shapes(case, 4, 5, 2, *features)))
            out, dx1 = np.full(g.shape, 7.0), np.full(given["x1"].shape, 7.0)
            filled = {"wrt": ("x1",), "out": nbl.BilinearGrads(x1=dx1)}
            for verb, options in (
                (nbl.bilinear, {}), (nbl.bilinear, {"out": out}), (nbl.bilinear_vjp, {}),
                (nbl.bilinear_backward, {"grad_output": g}), (nbl.bilinear_backward, {"grad_output": g} | filled),
            ):  # fmt: skip
                with pytest.raises(nbl.IndexRangeError):
                    verb(**given, **options, backend=backend)
            assert (out == 7).all()
            assert (dx1 == 7).all()


@pytest.mark.parametrize("way", ["one array", "one overlaps the other", "interleaved"])
@pytest.mark.parametrize(("one", "other"), list(combinations(nbl.BilinearGrads._fields, 2)))
def test_two_outputs_share_no_element(one, other, way):
    """Outputs that only lie between each other are none of one another's business."""
    rng = np.random.default_rng(8)
    shapes = {"x1": (2, 2), "x2": (2, 2), "weight": (2, 2, 2), "bias": (2,)}
    given = {name: cases.small_integers(rng, shape) for name, shape in shapes.items()}
    g, wanted = np.ones((2, 2)), (one, other)
    memory = np.full(32, 7.0)
    first = {"one array": memory[:16], "one overlaps the other": memory[:16], "interleaved": memory[::2]}[way]
    second = {"one array": memory[:16], "one overlaps the other": memory[1:17], "interleaved": memory[1::2]}[way]
    filled = {
        name: part[: np.prod(shapes[name])].reshape(shapes[name])
        for name, part in zip(wanted, (first, second), strict=True)
    }
    exact = nbl.bilinear_backward(g, **given)
    out = nbl.BilinearGrads(**filled)
    pullback = nbl.bilinear_vjp(**given)[1]
    calls = (
        lambda: nbl.bilinear_backward(g, **given, wrt=wanted, out=out),
        lambda: pullback(
            g, out=nbl.BilinearGrads(**{name: np.empty(shape) for name, shape in shapes.items()} | filled)
        ),
    )
    for call in calls:
        memory[:] = 7
        if way == "interleaved":
            call()
            for name in wanted:
                np.testing.assert_array_equal(filled[name], getattr(exact, name))
        else:
            with pytest.raises(nbl.ShapeError, match=f"out.{other} shares memory with out.{one}"):
                call()
            assert (memory == 7).all()


@pytest.mark.parametrize("kernel", cases.kernels())
def test_a_workspace_is_as_large_as_the_kernel_asks_under_the_settings_in_force(kernel, monkeypatch):
    """Also where they change between the product and its gradients."""
    monkeypatch.setattr("nbbilinear.backends.numba.processors.available", lambda: 4)
    lent, scratch = [], Choice.scratch

    def looked_at(choice):
        lent.append((choice.workspace, choice.kernel.workspace(choice.problem)))
        return scratch(choice)

    monkeypatch.setattr(Choice, "scratch", looked_at)
    rng = np.random.default_rng(9)
    x1, x2, weight, g = (rng.normal(size=shape) for shape in ((400, 20), (400, 30), (8, 20, 30), (400, 8)))
    for before, after in ((1, 4), (4, 1), (2, 2)):
        with nbl.config(threads=before):
            _, pullback = nbl.bilinear_vjp(x1, x2, weight, backend=kernel)
        with nbl.config(threads=after):
            pullback(g)
            pullback(g, out=nbl.BilinearGrads(*(np.empty_like(a) for a in (x1, x2, weight)), None))
            nbl.bilinear(x1, x2, weight, backend=kernel)
    assert lent
    assert all(found == asked for found, asked in lent)


@pytest.mark.parametrize("case", cases.NAMES)
def test_of_two_sets_of_axes_the_smaller_is_looped_over(case):
    for sizes in ((2, 9), (9, 2)):
        some = cases.shapes(case, *sizes, 2, 3, 2)
        axes = nbl.plan(*some[:4], index=some.index).chosen.problem.axes
        rows = [(1,) * (len(axes.lead) + 1 - len(shape)) + shape for shape in some[:2]]
        looped = [axes.lead[axis] for axis in axes.split if any(shape[axis] > 1 for shape in rows)]
        assert np.prod(looped, dtype=int) <= min(sizes), axes


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("case", [case for case in cases.NAMES if cases.shapes(case).bias is not None])
def test_a_sum_beyond_the_range_of_half_floats_comes_back_with_the_bias(case, backend):
    """1 * 1 * 3200, 25 times, and -60000: the product alone is beyond 65504."""
    some = cases.shapes(case, 3, 4, 2, 5, 5)
    values = dict(zip(("x1", "x2", "weight", "bias"), (1, 3200, 1, -60000), strict=True))
    given = {name: np.full(shape, values[name], np.float16) for name, shape in zip(values, some[:4], strict=True)}
    if some.index is not None:
        given["index"] = np.zeros(some.index, np.int64)
    assert given["bias"].dtype == halves.dtype("float16")
    assert (nbl.bilinear(**given, backend=backend) == 20000).all()
    assert (nbl.bilinear_vjp(**given, backend=backend)[0] == 20000).all()
