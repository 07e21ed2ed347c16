"""All pairs on vectors of every width and in blocks of every size; parts for many threads do not show."""

import numpy as np
import pytest
from unit.test_simd import kind, whole_numbers

import nbbilinear as nbl

KERNEL = "numba/simd.pairs"
SIZES = (
    (1, 30, 26, 13, 10, 5), (3, 2, 30, 21, 20, 3), (1, 3, 70, 17, 40, 1), (1, 70, 3, 40, 30, 2), (2, 5, 7, 9, 11, 33),
)  # shared, rows1, rows2, in1, in2, out  # fmt: skip
LARGE = ((1, 300, 260, 33, 20, 5), (7, 30, 30, 21, 20, 3), (1, 3, 700, 17, 40, 1), (1, 700, 3, 40, 300, 2))
__all__ = ["kind"]  # a fixture


def drawn(draw, sizes, selected):
    """Operands, the gradient of y, and which weight every row uses."""
    shared, rows1, rows2, in1, in2, outputs = sizes
    weights = (3,) if selected else ()
    operands = (draw(shared, rows1, in1), draw(shared, rows2, in2), draw(*weights, outputs, in1, in2))
    index = np.random.default_rng(1).integers(3, size=(shared, 1, rows2)) if selected else None
    return operands, draw(*weights, outputs), draw(shared, rows1, rows2, outputs), index


@pytest.mark.parametrize(("dtype", "threads"), [("float32", 2), ("float64", 1)])
@pytest.mark.parametrize("selected", [False, True])
@pytest.mark.usefixtures("kind")
def test_exact_on_whole_numbers(dtype, selected, threads):
    for sizes in SIZES:
        rng = np.random.default_rng(0)
        operands, bias, g, index = drawn(lambda *shape, r=rng: whole_numbers(r, *shape, dtype=dtype), sizes, selected)
        out = np.full(g.shape[::-1], np.nan, dtype).T
        start = nbl.BilinearGrads(*(np.full_like(a, 2) for a in (*operands, bias)))
        with nbl.config(threads=threads, backend=KERNEL):
            nbl.bilinear_pairs(*operands, bias, index=index, out=out)
            again = nbl.bilinear_pairs(*operands, index=index)
            fresh = nbl.bilinear_pairs_backward(g, *operands, bias, index=index)
            nbl.bilinear_pairs_backward(np.asfortranarray(g), *operands, bias, index=index, out=start, accumulate=True)
        x1, x2, weight, bias, g = (a.astype(np.int64) for a in (*operands, bias, g))
        used = np.zeros((sizes[0], sizes[2]), int) if index is None else index[:, 0]
        stack, biases = weight.reshape(-1, *weight.shape[-3:]), bias.reshape(-1, bias.shape[-1])
        y = np.einsum("sni,smkij,smj->snmk", x1, stack[used], x2)
        np.testing.assert_array_equal(again, y)
        np.testing.assert_array_equal(out, y + biases[used][:, None])
        each = np.einsum("snmk,sni,smj->smkij", g, x1, x2)
        exact = (
            np.einsum("snmk,smkij,smj->sni", g, stack[used], x2),
            np.einsum("snmk,smkij,sni->smj", g, stack[used], x1),
            np.stack([each[used == w].sum(axis=0) for w in range(len(stack))]).reshape(weight.shape),
            np.stack([g.sum(axis=1)[used == w].sum(axis=0) for w in range(len(stack))]).reshape(bias.shape),
        )
        for found, added, right in zip(fresh, start, exact, strict=True):
            np.testing.assert_array_equal(found, right)
            np.testing.assert_array_equal(added, right + 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("selected", [False, True])
@pytest.mark.parametrize("sizes", LARGE)
def test_parts_do_not_show(monkeypatch, sizes, selected, dtype):
    rng = np.random.default_rng(5)
    operands, bias, g, index = drawn(lambda *shape: rng.normal(size=shape).astype(dtype), sizes, selected)

    def found():
        how = {"backend": KERNEL, "index": index}
        return nbl.bilinear_pairs(*operands, bias, **how), *nbl.bilinear_pairs_backward(g, *operands, bias, **how)

    whole = found()
    for part in (1, 100_000):
        for name in ("SHARED_FLOP", "ALONE_FLOP"):
            monkeypatch.setattr(f"nbbilinear.backends.numba.simd.panels.{name}", part)
        for one, other in zip(whole, found(), strict=True):
            np.testing.assert_array_equal(one, other)
