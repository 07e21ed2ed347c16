"""A form's product with its gradients, whatever is kept in between: bit for bit those of the two verbs apart.

Small integers: all sums are exact in any order. What the verbs give is held to the definition beside this.
"""

import threading

import numpy as np
import pytest
from conformance.test_memory import WORKSPACE

import nbbilinear as nbl
from nbbilinear.forms import FORMS, at_once, rule

import cases
import formed
import memory

KEPT = 8 << 20  # bytes that a pullback may hold


def is_mapped(kind):
    """Whether there is a map that computes something before the core."""
    terms = kind.of(formed.sizes_of(kind), np.ones).terms
    return any(step.uses for term in terms for step in (*term.first, *term.second))


MAPPED = [name for name, kind in FORMS.items() if is_mapped(kind)]


def drawn(name, case="rows", rows=(7, 5), dtype="float64"):
    kind = FORMS[name]
    sizes = formed.sizes_of(kind, 3, least=2)
    return formed.operands(kind, case, dtype, np.random.default_rng(2), cases.small_integers, sizes, rows)


def assert_same(found, want):
    for name, one, other in zip(nbl.BilinearGrads._fields, found, want, strict=True):
        if name == "weight":
            assert type(one) is type(other)
            for parameter, array in other.parameters.items():
                np.testing.assert_array_equal(one.parameters[parameter], array, parameter)
        elif other is None:
            assert one is None
        else:
            np.testing.assert_array_equal(one, other, name)


def arrays(grads):
    inputs = (grads.x1, grads.x2, grads.bias)
    return [*(a for a in inputs if a is not None), *grads.weight.parameters.values()]


def blocks_of(name, given):
    """The blocks that a product leaves to its gradients."""
    found = at_once.forward_keeping(given["weight"], given["x1"], given["x2"], given["bias"], None)
    assert found is not None, name
    return [block for term in found[1] for block in term]


def check(given):
    """Both, twice, and added to what is there; the first results are spoiled before the second."""
    rng = np.random.default_rng(5)
    want_y = cases.definition(**formed.expanded(given))
    g = cases.small_integers(rng, want_y.shape)
    want = nbl.bilinear_backward(g, **given, backend="numpy")
    y, pullback = nbl.bilinear_vjp(**given)
    np.testing.assert_array_equal(y, want_y)
    y[...] = np.nan
    first = pullback(g)
    assert_same(first, want)
    for spoiled in arrays(first):
        spoiled[...] = np.nan
    assert_same(pullback(2 * g), nbl.bilinear_backward(2 * g, **given, backend="numpy"))
    for spoiled in arrays(first):
        spoiled[...] = 1
    added = pullback(np.asfortranarray(g), out=first, accumulate=True)
    for name, one, other in zip(nbl.BilinearGrads._fields, added, want, strict=True):
        if name == "weight":
            assert_same(nbl.BilinearGrads(weight=one), nbl.BilinearGrads(weight=other.map(lambda a: a + 1)))
        elif other is not None:
            np.testing.assert_array_equal(one, other + 1)


@pytest.mark.parametrize(("name", "case"), formed.EVERY)
def test_both_are_the_verbs(name, case):
    check(drawn(name, case, (7, 5)))


@pytest.mark.parametrize("name", FORMS)
def test_both_are_the_verbs_of_one_row(name):
    for case in ("rows", "pairs", "index"):
        if formed.takes(FORMS[name], case):
            check(drawn(name, case, (1, 1)))


@pytest.mark.parametrize("keep", [0, 1500, 1 << 20])
@pytest.mark.parametrize("workspace", [200, 600])
@pytest.mark.parametrize("name", MAPPED)
def test_in_many_blocks_of_which_some_are_kept(name, workspace, keep, monkeypatch):
    monkeypatch.setattr(rule, "WORKSPACE_BYTES", workspace)
    monkeypatch.setattr(rule, "FEW", 0)
    monkeypatch.setattr(at_once, "KEPT_BYTES", keep)
    given = drawn(name, rows=(23, 23))
    blocks = blocks_of(name, given)
    assert len(blocks) > 1
    kept = [block.mapped for block in blocks if block.mapped is not None]
    assert sum(map(rule.held, kept)) <= keep
    assert any(map(rule.held, kept)) == bool(keep)
    check(given)


@pytest.mark.parametrize("name", MAPPED)
def test_what_is_kept_is_used(name, monkeypatch):
    """No row is mapped again."""
    given = drawn(name)
    y, pullback = nbl.bilinear_vjp(**given)
    want = nbl.bilinear_backward(y, **given, backend="numpy")
    monkeypatch.setattr(rule, "sides", None)
    assert_same(pullback(y), want)
    assert_same(pullback(y, out=nbl.BilinearGrads(bias=np.empty_like(given["bias"]))), want)


@pytest.mark.thorough
@pytest.mark.parametrize("name", MAPPED)
def test_no_more_is_held_than_said(name):
    """8 MB beside y and what a forward works in, where mapped rows take more than that."""
    kind = FORMS[name]
    sizes = dict.fromkeys("knpqrstz", 4) | {"i": 16, "j": 16} | dict(kind.fixed)
    form = kind.of(sizes, np.ones)
    x1, x2 = (np.ones((120_000, form.shape[side])) for side in (-2, -1))
    peak, (y, pullback) = memory.peak(lambda: nbl.bilinear_vjp(x1, x2, form))
    assert peak <= y.nbytes + KEPT + 4 * WORKSPACE
    kept = pullback.args[-1]
    held = [rule.held(block.mapped) for term in kept or () for block in term if block.mapped is not None]
    assert sum(held) <= KEPT


@pytest.mark.parametrize("name", MAPPED)
def test_from_several_threads(name):
    given = drawn(name, rows=(40, 40))
    y, pullback = nbl.bilinear_vjp(**given)
    g = cases.small_integers(np.random.default_rng(1), y.shape)
    results = {}

    def pull(number):
        results[number] = pullback(g * 2.0**number)

    threads = [threading.Thread(target=pull, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(6):
        assert_same(results[number], nbl.bilinear_backward(g * 2.0**number, **given, backend="numpy"))


def test_a_kernel_gives_way_only_where_all_is_kept(monkeypatch):
    """What no backward will find is not worth the steps."""
    given = drawn("low_rank", rows=(4000, 4000))
    monkeypatch.setattr(at_once, "kernel_for", lambda *_: object())
    operands = given["weight"], given["x1"], given["x2"], given["bias"], None
    assert at_once.forward_keeping(*operands) is not None
    monkeypatch.setattr(at_once, "KEPT_BYTES", 4000 * 8)
    assert at_once.forward_keeping(*operands) is None


def test_refusals():
    given = drawn("low_rank")
    with pytest.raises(nbl.ShapeError, match="bilinear_vjp"):
        nbl.bilinear_vjp(**given | {"x1": given["x1"][:3]})
    y, pullback = nbl.bilinear_vjp(**given)
    with pytest.raises(nbl.ShapeError, match="grad_output"):
        pullback(y[:3])
    out = nbl.BilinearGrads(weight=given["weight"].map(lambda a: a[..., :1].copy()))
    with pytest.raises(nbl.ShapeError, match=r"out\.weight"):
        pullback(y, out=out)
    assert_same(pullback(y), nbl.bilinear_backward(y, **given, backend="numpy"))
