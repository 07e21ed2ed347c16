"""Compact products equal the sketched outer product; every gradient that of finite differences or the adjoint."""

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear.pooling import (
    Sketch,
    compact_bilinear,
    compact_bilinear_backward,
    l2_normalize,
    l2_normalize_backward,
    signed_sqrt,
    signed_sqrt_backward,
)

SKETCHES = Sketch.drawn(5, 4, rng=0), Sketch.drawn(3, 4, rng=1)


def weight_of(one, other):
    """The fixed weight of the bilinear product that the sketches stand for."""
    weight = np.zeros((one.size, len(one.place), len(other.place)))
    for i, (place, sign) in enumerate(zip(one.place, one.sign, strict=True)):
        for j, (there, other_sign) in enumerate(zip(other.place, other.sign, strict=True)):
            weight[(place + there) % one.size, i, j] += int(sign) * int(other_sign)
    return weight


@pytest.mark.parametrize(("lead1", "lead2"), [((6,), (6,)), ((), ()), ((2, 1), (1, 3)), ((6,), (1,)), ((0,), (0,))])
@pytest.mark.parametrize("size", [1, 4, 7])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compact_is_bilinear_with_the_sketches_weight(lead1, lead2, size, dtype):
    rng = np.random.default_rng(2)
    one, other = Sketch.drawn(5, size, rng=0), Sketch.drawn(3, size, rng=1)
    x1, x2 = rng.normal(size=(*lead1, 5)).astype(dtype), rng.normal(size=(*lead2, 3)).astype(dtype)
    weight = weight_of(one, other).astype(dtype)
    y = compact_bilinear(x1, x2, one, other)
    eps = 50 * np.finfo(dtype).eps
    assert y.dtype == dtype
    np.testing.assert_allclose(y, nbl.bilinear(x1, x2, weight, backend="numpy"), rtol=eps, atol=2 * eps)
    g = rng.normal(size=y.shape).astype(dtype)
    found, want = (
        compact_bilinear_backward(g, x1, x2, one, other),
        nbl.bilinear_backward(g, x1, x2, weight, backend="numpy"),
    )
    np.testing.assert_allclose(found.x1, want.x1, rtol=eps, atol=20 * eps)
    np.testing.assert_allclose(found.x2, want.x2, rtol=eps, atol=20 * eps)
    assert [a.dtype for a in found] == [dtype, dtype]
    if y.size:
        assert not np.allclose(y * 1.001, nbl.bilinear(x1, x2, weight, backend="numpy"), rtol=eps, atol=2 * eps)


def test_inner_products_are_those_of_outer_products_in_the_mean():
    rng = np.random.default_rng(3)
    a, b, c, d = rng.normal(size=(4, 8))
    found = [
        compact_bilinear(a, b, one, other) @ compact_bilinear(c, d, one, other)
        for one, other in ((Sketch.drawn(8, 64, rng=rng), Sketch.drawn(8, 64, rng=rng)) for _ in range(500))
    ]
    want = (a @ c) * (b @ d)
    assert abs(np.mean(found) - want) < 4 * np.std(found) / np.sqrt(len(found))


def difference(function, x, g, step=1e-6):
    found = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        move = np.zeros_like(x)
        move[place] = step
        found[place] = ((function(x + move) - function(x - move)) * g).sum() / (2 * step)
    return found


def test_signed_sqrt():
    rng = np.random.default_rng(4)
    x, g = rng.normal(size=(3, 4)) + 0.3, rng.normal(size=(3, 4))
    y = signed_sqrt(x)
    np.testing.assert_allclose(np.sign(y) * y * y, x)
    np.testing.assert_allclose(signed_sqrt_backward(g, y), difference(signed_sqrt, x, g), rtol=1e-5, atol=1e-7)
    assert signed_sqrt_backward(np.ones(2), np.zeros(2)).tolist() == [0, 0]
    assert signed_sqrt(np.array([-np.inf, -0.0], "f4")).dtype == np.float32
    assert np.isnan(signed_sqrt(np.array([np.nan]))).all()


@pytest.mark.parametrize("axis", [-1, 0])
def test_l2_normalize(axis):
    rng = np.random.default_rng(5)
    x, g = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    y = l2_normalize(x, axis=axis)
    np.testing.assert_allclose((y * y).sum(axis=axis), 1)
    want = difference(lambda x: l2_normalize(x, axis=axis), x, g)
    np.testing.assert_allclose(l2_normalize_backward(g, x, axis=axis), want, rtol=1e-6, atol=1e-8)
    tiny = np.full((1, 2), 1e-3)
    np.testing.assert_allclose(l2_normalize_backward(np.ones((1, 2)), tiny, eps=1.0), [[1, 1]])


def test_refusals():
    with pytest.raises(nbl.ShapeError, match="x1 must end in 5 features"):
        compact_bilinear(np.ones((2, 4)), np.ones((2, 3)), *SKETCHES)
    with pytest.raises(nbl.ShapeError, match="one size, got 4 and 6"):
        compact_bilinear(np.ones((2, 5)), np.ones((2, 3)), SKETCHES[0], Sketch.drawn(3, 6, rng=0))
    with pytest.raises(nbl.ShapeError, match="do not broadcast"):
        compact_bilinear(np.ones((2, 5)), np.ones((3, 3)), *SKETCHES)
    with pytest.raises(nbl.ShapeError, match="must have y's shape"):
        compact_bilinear_backward(np.ones((2, 5)), np.ones((2, 5)), np.ones((2, 3)), *SKETCHES)
    with pytest.raises(nbl.ShapeError, match="one shape"):
        signed_sqrt_backward(np.ones(2), np.ones(3))
    with pytest.raises(nbl.DTypeError):
        l2_normalize(np.ones(3, int))
    with pytest.raises(nbl.ConfigError, match="size must be a whole number >= 1"):
        Sketch.drawn(3, 0)
