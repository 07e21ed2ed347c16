"""Every combination of parts, from the tables alone: results against the definition, gradients by complex step.

The other options go round with the combinations, so that each meets many.
"""

from dataclasses import fields
from itertools import product

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear.heads import MODES, TRANSFORMS, WEIGHTS, InterdependenceHead
from nbbilinear.heads.fusion import FUSIONS
from nbbilinear.heads.remainder import REMAINDERS

import heads_oracle

ALTERNATIVES = {"layout": ["kronecker", "tinybig"], "degree": [1, 2, 3], "rank": [1, 2]}
PROCESSED = ([], ["relu"], ["softmax"], ["batch_norm", "relu", "softmax"])


def variants(table):
    """Every kind of part, and of options that matter all values."""
    for kind, part in table.items():
        names = [field.name for field in fields(part) if field.name in ALTERNATIVES]
        for values in product(*(ALTERNATIVES[name] for name in names)):
            yield {"kind": kind, **dict(zip(names, values, strict=True))}


RELATED = list(variants(WEIGHTS))
COMBINATIONS = list(product(RELATED, variants(TRANSFORMS), RELATED))


def head_of(number, m, n):
    """The head of a combination; the number also decides about everything else."""
    interdependence, transform, reconciliation = COMBINATIONS[number]
    attribute = RELATED[number // 3 % len(RELATED)] if number % 4 == 1 else None

    def one_of(options, every):
        return list(options)[number // every % len(options)]

    return InterdependenceHead(
        m, n, interdependence=interdependence, transform=transform, reconciliation=reconciliation,
        attribute_interdependence=attribute, batch_num=None if attribute is None else 6,
        normalization=one_of(MODES, 1), channel_num=one_of((1, 2), 5), fusion=one_of(FUSIONS, 2),
        remainder=one_of(REMAINDERS, 1), enable_bias=one_of((False, True), 3), outputs=one_of(PROCESSED, 1),
        scale=one_of(("divide", 0.7, "multiply"), 7), mask_zeros="rows", dtype="float64", rng=number,
    )  # fmt: skip


def operands_of(head, number):
    """A batch, sometimes with rows of zeros, a context or a mask."""
    rng = np.random.default_rng(number)
    x = rng.normal(size=(6, head.m))
    context = (
        rng.normal(size=((6, 9, 3)[number % 3] if head.batch_num is None else 6, head.m)) if number % 5 == 2 else None
    )
    rows = x if context is None else context
    mask = rng.random((len(x), len(rows)) if number % 2 == 0 else len(rows)) > 0.3 if number % 7 == 3 else None
    if number % 11 == 4:
        rows[2] = 0
    return x, context, mask


def defined(head, x, context, mask):
    """The head's definition, as a function of its operands by name."""
    parts, rows = head.to_config(), x if context is None else context
    counted = np.broadcast_to(True if mask is None else mask, (len(x), len(rows)))
    counted = counted & (x != 0).any(axis=1)[:, None] & (rows != 0).any(axis=1)
    if mask is not None and mask.ndim == 1 and context is None:
        counted = counted & mask[:, None]

    def function(operands):
        given = operands["x"] if context is None else operands["context"]
        asking = operands["x"]
        if mask is not None and mask.ndim == 1:  # what nobody sees may hold anything
            given = np.where(mask[:, None], given, 0)
            asking = asking if context is not None else given
        _, y = heads_oracle.attended(parts, asking, given, counted.T, operands)
        return heads_oracle.processed(y, parts["outputs"], operands)

    return function


@pytest.mark.parametrize("part", range(8))
def test_results_and_gradients(part):
    for number in range(part, len(COMBINATIONS), 8):
        check(number)


def check(number):
    compare(head_of(number, 4, 6), number)


def test_powers_are_never_mixed_before_their_matrix():
    """Not even where that were cheapest: 30 outputs of 20 products."""
    for number in (2, 15, 28):
        compare(InterdependenceHead(4, 30, transform="taylor", outputs=[], dtype="float64", rng=number), number)


def compare(head, number):
    x, context, mask = operands_of(head, number)
    function = defined(head, x, context, mask)
    operands = {"x": x, **({} if context is None else {"context": context})}
    operands |= {name: p.data for name, p in head.named_parameters()}
    rng = np.random.default_rng(number + 1)
    with nbl.config(backend="numpy" if number % 2 else None):
        y, pullback = head.vjp(x, context=context, mask=mask)
        want = function(operands)
        np.testing.assert_allclose(y, want, rtol=1e-11, atol=1e-12 * abs(want).max(), err_msg=str(number))
        g = rng.normal(size=y.shape)
        grads = pullback(g)
    found = {"x": grads.x, **({} if context is None else {"context": grads.context}), **grads.parameters}
    assert found.keys() == operands.keys()
    for name, array in operands.items():
        v = rng.normal(size=array.shape)
        slope = (g * heads_oracle.directional(function, operands, {name: v})).sum() if array.size else 0.0
        size = (abs(found[name]) * abs(v)).sum() + abs(g).sum() * 1e-3
        assert abs((found[name] * v).sum() - slope) <= 1e-11 * size, f"{number}: {name}, {head}"


def test_there_are_hundreds():
    assert len(COMBINATIONS) >= 300
