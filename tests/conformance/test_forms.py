"""Every form is the full product with its expanded weight, in every case of leading axes, and so are its gradients.

Small integers: all sums are exact in any order, so bits must match. y is affine in each parameter, so its gradient is
that of finite differences, exactly.
"""

import numpy as np
import pytest
from conformance.test_memory import WORKSPACE

import nbbilinear as nbl
from nbbilinear.forms import FORMS, rule

import cases
import formed
import memory
import oracle


@pytest.mark.parametrize(("name", "case"), formed.EVERY)
def test_forward_bits(name, case):
    rng = np.random.default_rng(1)
    for seed, rows in enumerate([(3, 4), (1, 2), (2, 1)]):
        sizes = formed.sizes_of(FORMS[name], seed)
        given = formed.operands(FORMS[name], case, "float64", rng, cases.small_integers, sizes, rows)
        y = nbl.bilinear(**given, backend="numpy")
        np.testing.assert_array_equal(y, cases.definition(**formed.expanded(given)))


@pytest.mark.parametrize(("name", "case"), formed.EVERY)
def test_gradients_are_the_adjoint_bit_for_bit(name, case):
    rng = np.random.default_rng(2)
    given = formed.operands(
        FORMS[name], case, "float64", rng, cases.small_integers, formed.sizes_of(FORMS[name], 3, least=2)
    )
    y = nbl.bilinear(**given, backend="numpy")
    g = cases.small_integers(rng, y.shape)
    found = nbl.bilinear_backward(g, **given, backend="numpy")
    for operand in ("x1", "x2", "bias"):
        if given[operand] is not None:
            v = cases.small_integers(rng, given[operand].shape)
            change = nbl.bilinear(**given | {operand: given[operand] + v}, backend="numpy") - y
            assert (g * change).sum() == (getattr(found, operand) * v).sum(), operand
    form = given["weight"]
    for parameter, array in form.parameters.items():
        v = cases.small_integers(rng, array.shape)
        moved = given | {"weight": form.replace(form.parameters | {parameter: array + v})}
        want = (g * (nbl.bilinear(**moved, backend="numpy") - y)).sum()
        assert want == (found.weight.parameters[parameter] * v).sum(), parameter
    for name in nbl.BilinearGrads._fields:
        if given[name] is not None:
            alone = nbl.bilinear_backward(g, **given, wrt=(name,), backend="numpy")
            assert [one for one in nbl.BilinearGrads._fields if getattr(alone, one) is not None] == [name]
            assert_same(getattr(alone, name), getattr(found, name))


def assert_same(one, other):
    if isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other)
        return
    for parameter, gradient in other.parameters.items():
        np.testing.assert_array_equal(one.parameters[parameter], gradient)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("case", ["rows", "pairs", "index, out axis"])
def test_within_the_bound_of_the_slow_definition(name, case, dtype):
    """Roundings of a form are those of sums of products of its parameters: as many terms as letters span."""
    rng = np.random.default_rng(3)
    sizes = formed.sizes_of(FORMS[name], 4)
    given = formed.operands(FORMS[name], case, dtype, rng, lambda rng, shape: rng.normal(size=shape), sizes)
    y = nbl.bilinear(**given)
    assert y.dtype == dtype
    exact = oracle.faces(**formed.expanded(_in_float64(given)))["y"]
    sure = formed.expanded(_in_float64(given, abs))
    sure["weight"] = np.maximum(abs(sure["weight"]), abs(formed.expanded(_in_float64(given))["weight"]))
    magnitude = oracle.faces(**sure)["y"].magnitude
    terms = np.prod(list(sizes.values())) + exact.terms
    bound = exact._replace(magnitude=magnitude, terms=terms + 8.0).bound(dtype)
    assert (abs(y - exact.value) <= bound).all()
    assert not (abs(y * 1.001 - exact.value) <= bound).all()


def _in_float64(given, change=np.asarray):
    """Operands as they are in a wider type, so that expanding rounds less than what is tested."""
    wide = {n: change(a.astype("f8")) for n, a in given.items() if n not in ("weight", "index") and a is not None}
    return given | wide | {"weight": given["weight"].map(lambda a: change(a.astype("f8")))}


@pytest.mark.parametrize("workspace", [200, 600])
@pytest.mark.parametrize("case", ["rows", "pairs", "index", "index, out axis", "stacked weight of x1"])
@pytest.mark.parametrize("name", FORMS)
def test_in_many_blocks(name, case, workspace, monkeypatch):
    if not formed.takes(FORMS[name], case):
        return
    rng = np.random.default_rng(4)
    given = formed.operands(
        FORMS[name], case, "float64", rng, cases.small_integers, formed.sizes_of(FORMS[name], 1), (7, 5)
    )
    y = nbl.bilinear(**given, backend="numpy")
    g = cases.small_integers(rng, y.shape)
    found = nbl.bilinear_backward(g, **given, backend="numpy")
    monkeypatch.setattr(rule, "WORKSPACE_BYTES", workspace)
    monkeypatch.setattr(rule, "FEW", 0)
    np.testing.assert_array_equal(nbl.bilinear(**given, out=np.full_like(y, np.nan), backend="numpy"), y)
    again = nbl.bilinear_backward(g, **given, backend="numpy")
    for operand in ("x1", "x2", "bias"):
        np.testing.assert_array_equal(getattr(again, operand), getattr(found, operand))
    for parameter, gradient in found.weight.parameters.items():
        np.testing.assert_array_equal(again.weight.parameters[parameter], gradient)


@pytest.mark.parametrize("name", FORMS)
def test_in_tiles(name, monkeypatch):
    """Pairs whose scores do not fit the workspace, though their maps do."""
    rng = np.random.default_rng(4)
    given = formed.operands(
        FORMS[name], "pairs", "float64", rng, cases.small_integers, formed.sizes_of(FORMS[name], 1), (7, 5)
    )
    y = nbl.bilinear(**given, backend="numpy")
    found = nbl.bilinear_backward(y, **given, backend="numpy")
    tiles = [(slice(a, a + 3), slice(b, b + 2)) for a in range(0, 7, 3) for b in range(0, 5, 2)]
    monkeypatch.setattr(rule, "_tiles", lambda *_: iter(tiles))
    np.testing.assert_array_equal(nbl.bilinear(**given, out=np.full_like(y, np.nan), backend="numpy"), y)
    again = nbl.bilinear_backward(y, **given, backend="numpy")
    np.testing.assert_array_equal(again.x1, found.x1)
    np.testing.assert_array_equal(again.x2, found.x2)
    for parameter, gradient in found.weight.parameters.items():
        np.testing.assert_array_equal(again.weight.parameters[parameter], gradient)


@pytest.mark.parametrize("backend", ["numpy", "numba/portable"])
@pytest.mark.parametrize("case", ["rows", "no out axis", "index", "index, out axis"])
@pytest.mark.parametrize("name", FORMS)
def test_on_either_backend(name, case, backend):
    """Small problems take NumPy's functions unless told otherwise: here the compiled loops are asked for."""
    if not formed.takes(FORMS[name], case):
        return
    rng = np.random.default_rng(8)
    sizes = formed.sizes_of(FORMS[name], 5)
    given = formed.operands(
        FORMS[name], case, "float64", rng, cases.small_integers, sizes, (70, 4)
    )  # two panels of rows
    y = nbl.bilinear(**given, backend=backend)
    np.testing.assert_array_equal(y, cases.definition(**formed.expanded(given)))
    g = cases.small_integers(rng, y.shape)
    found, plain = (nbl.bilinear_backward(g, **given, backend=one) for one in (backend, "numpy/einsum"))
    np.testing.assert_array_equal(found.x1, plain.x1)
    np.testing.assert_array_equal(found.x2, plain.x2)
    for parameter, gradient in plain.weight.parameters.items():
        np.testing.assert_array_equal(found.weight.parameters[parameter], gradient)


@pytest.mark.parametrize("case", ["rows", "pairs", "index", "index, one against all"])
@pytest.mark.parametrize("name", FORMS)
def test_into_given_arrays_and_added(name, case):
    if not formed.takes(FORMS[name], case):
        return
    rng = np.random.default_rng(5)
    given = formed.operands(FORMS[name], case, "float64", rng, cases.small_integers)
    y = nbl.bilinear(**given)
    wide = np.full((*y.shape, 2), np.nan)
    assert nbl.bilinear(**given, out=wide[..., 0]) is not None
    np.testing.assert_array_equal(wide[..., 0], y)
    g = cases.small_integers(rng, y.shape)
    found = nbl.bilinear_backward(g, **given)
    for wanted in (["x1"], ["x2", "bias"] if given["bias"] is not None else ["x2"], ["weight"]):
        some = nbl.bilinear_backward(g, **given, wrt=wanted)
        assert [n for n, a in some._asdict().items() if a is not None] == wanted
        twice = nbl.bilinear_backward(g, **given, wrt=wanted, out=some, accumulate=True)
        for operand in wanted:
            mine, other = getattr(twice, operand), getattr(found, operand)
            assert mine is getattr(some, operand)
            pairs = [(mine, other)]
            if operand == "weight":
                pairs = [(mine.parameters[n], other.parameters[n]) for n in other.parameters]
            for one, two in pairs:
                np.testing.assert_array_equal(one, 2 * two)


@pytest.mark.parametrize("backend", ["numpy", "numba/portable"])
@pytest.mark.parametrize("case", ["index", "index, out axis"])
@pytest.mark.parametrize("name", FORMS)
def test_a_parameter_that_all_of_a_stack_share(name, case, backend):
    if not formed.takes(FORMS[name], case):
        return
    rng = np.random.default_rng(6)
    given = formed.operands(FORMS[name], case, "float64", rng, cases.small_integers)
    form = given["weight"]
    for parameter, array in form.parameters.items():
        if len(form.parameters) == 1:
            continue
        shared = given | {"weight": form.replace(form.parameters | {parameter: array[:1]})}
        repeated = given | {"weight": form.replace(form.parameters | {parameter: np.repeat(array[:1], 3, axis=0)})}
        y = nbl.bilinear(**shared, backend=backend)
        np.testing.assert_array_equal(y, nbl.bilinear(**repeated, backend="numpy"))
        g = cases.small_integers(rng, y.shape)
        one, all_ = (
            nbl.bilinear_backward(g, **some, backend=backend).weight.parameters[parameter]
            for some in (shared, repeated)
        )
        np.testing.assert_array_equal(one, all_.sum(0, keepdims=True))


@pytest.mark.parametrize("name", FORMS)
def test_nothing_to_multiply(name):
    kind = FORMS[name]
    form = kind.of(formed.sizes_of(kind) | {"k": 2}, np.ones)
    in1, in2 = form.shape[-2:]
    x1, x2, bias = np.ones((0, in1)), np.ones((0, in2)), np.ones(2)
    y = nbl.bilinear(x1, x2, form, bias)
    assert y.shape == (0, 2)
    found = nbl.bilinear_backward(y, x1, x2, form, bias)
    assert not any(a.any() for a in found.weight.parameters.values())
    pairs = nbl.bilinear(x1[:, None], np.ones((1, 3, in2)), form)
    assert pairs.shape == (0, 3, 2)


@pytest.mark.parametrize("name", FORMS)
def test_other_verbs(name):
    kind, rng = FORMS[name], np.random.default_rng(7)
    given = formed.operands(kind, "rows", "float64", rng, cases.small_integers)
    x1, x2, form, bias = (given[n] for n in ("x1", "x2", "weight", "bias"))
    whole = formed.expanded(given)
    y = nbl.bilinear_pairs(x1, x2[:2], form, bias)
    np.testing.assert_array_equal(y, nbl.bilinear_pairs(whole["x1"], whole["x2"][:2], whole["weight"], bias))
    found = nbl.bilinear_pairs_backward(y, x1, x2[:2], form, bias)
    dense = nbl.bilinear_pairs_backward(y, whole["x1"], whole["x2"][:2], whole["weight"], bias)
    np.testing.assert_array_equal(found.x1, dense.x1[..., : x1.shape[-1]])
    np.testing.assert_array_equal(found.x2, dense.x2[..., : x2.shape[-1]])
    if x1.shape[-1] == x2.shape[-1]:
        np.testing.assert_array_equal(nbl.quadratic(x1, form, bias), nbl.bilinear(x1, x1, form, bias))
        square, both = (
            nbl.quadratic_backward(y[:, 0], x1, form, bias),
            nbl.bilinear_backward(y[:, 0], x1, x1, form, bias),
        )
        np.testing.assert_array_equal(square.x, both.x1 + both.x2)


@pytest.mark.thorough
@pytest.mark.parametrize("backend", ["numpy", None])
@pytest.mark.parametrize("name", FORMS)
def test_nothing_of_the_size_of_the_weight_or_of_all_products(name, backend):
    """Rows: beside results and parameters a few workspaces, where a product per row would be 30 times that."""
    kind = FORMS[name]
    sizes = dict.fromkeys("knpqrstz", 4) | {"i": 16, "j": 16} | dict(kind.fixed)
    form = kind.of(sizes, np.ones)
    x1, x2 = np.ones((40_000, form.shape[-2])), np.ones((40_000, form.shape[-1]))
    held, y = memory.peak(lambda: nbl.bilinear(x1, x2, form, backend=backend))
    assert held <= y.nbytes + 4 * WORKSPACE
    held, grads = memory.peak(lambda: nbl.bilinear_backward(y, x1, x2, form, backend=backend))
    assert held <= grads.x1.nbytes + grads.x2.nbytes + 5 * WORKSPACE


@pytest.mark.thorough
def test_pairs_hold_their_scores_and_little_more():
    x1, x2, form = np.ones((400, 24)), np.ones((3000, 24)), FORMS["low_rank"](np.ones((8, 24, 4)), np.ones((8, 24, 4)))
    held, y = memory.peak(lambda: nbl.bilinear_pairs(x1, x2, form))
    assert held <= y.nbytes + 4 * WORKSPACE
    held, grads = memory.peak(lambda: nbl.bilinear_pairs_backward(y, x1, x2, form))
    assert held <= grads.x1.nbytes + grads.x2.nbytes + 5 * WORKSPACE


def test_the_table_is_met():
    assert {name for name, _ in formed.EVERY} == set(FORMS)
    assert len(cases.NAMES) >= 25


@pytest.mark.parametrize("name", FORMS)
def test_inputs_in_half_floats_are_computed_with_in_the_dtype_of_the_parameters(name):
    rng = np.random.default_rng(11)
    given = formed.operands(FORMS[name], "rows", "float32", rng, cases.small_integers, formed.sizes_of(FORMS[name], 6))
    halved = given | {side: given[side].astype(np.float16) for side in ("x1", "x2")}
    y = nbl.bilinear(**halved)
    np.testing.assert_array_equal(y, nbl.bilinear(**given))
    assert y.dtype == np.float32
    found, wanted = (nbl.bilinear_backward(np.ones_like(y), **some) for some in (halved, given))
    for side in ("x1", "x2"):
        assert getattr(found, side).dtype == np.float16
        np.testing.assert_array_equal(getattr(found, side), getattr(wanted, side).astype(np.float16))
