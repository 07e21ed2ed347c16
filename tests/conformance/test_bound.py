"""Rounding stays within the computed bound on hard data, at sizes the plain oracle is too slow for."""

import numpy as np
import pytest

import nbbilinear as nbl

import cases
import pairwise

DATA = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "wide": lambda rng, shape: rng.normal(size=shape) * 10.0 ** rng.integers(-6, 7, shape),
    "positive": lambda rng, shape: rng.random(shape),
    "cancelling": lambda rng, shape: rng.choice([-1.0, 1.0], shape) * (1 + 1e-6 * rng.random(shape)),
}
SUBSCRIPTS = {"y": ("a,w,c", "bi,bkij,bj->bk"), "x1": ("g,w,c", "bk,bkij,bj->bi"), "x2": ("g,w,a", "bk,bkij,bi->bj"),
              "weight": ("g,a,c", "bk,bi,bj->kij")}  # fmt: skip


WAYS = pairwise.rows({"data": tuple(DATA), "dtype": ("float32", "float64"), "sizes": ((4, 5), (64, 67), (150, 31))})
QUICK = [("normal", "float32", (64, 67)), ("wide", "float64", (64, 67)), ("cancelling", "float32", (4, 5))]


def tiered():
    for way in WAYS:
        marks = () if tuple(way.values()) in QUICK else pytest.mark.thorough
        yield pytest.param(way, marks=marks, id="-".join(map(str, way.values())))


def test_the_quick_ways_are_among_all():
    assert {tuple(way.values()) for way in WAYS} >= set(QUICK)


@pytest.mark.parametrize("kernel", cases.kernels())
@pytest.mark.parametrize("way", [*tiered()])
def test_paired_rows(kernel, way):
    check(kernel, way["dtype"], way["data"], *way["sizes"])


def check(kernel, dtype, data, in1, in2):
    rng = np.random.default_rng(11)
    b, k = 6, 3
    a, c, w, g = (DATA[data](rng, shape).astype(dtype) for shape in ((b, in1), (b, in2), (k, in1, in2), (b, k)))
    found = {"y": nbl.bilinear(a, c, w, backend=kernel)} | nbl.bilinear_backward(g, a, c, w, backend=kernel)._asdict()
    terms = {"y": in1 * in2, "x1": k * in2, "x2": k * in1, "weight": b}
    wide = np.float64 if dtype == "float32" else np.longdouble
    for name, (which, subscripts) in SUBSCRIPTS.items():
        if name == "weight":
            stack = {"a": a, "c": c, "g": g}
        else:
            stack = {"a": a, "c": c, "g": g, "w": np.broadcast_to(w, (b, *w.shape))}
        exact = [stack[letter].astype(wide) for letter in which.split(",")]
        value, magnitude = np.einsum(subscripts, *exact), np.einsum(subscripts, *map(abs, exact))
        n = (terms[name] + 3) * np.finfo(dtype).eps / 2
        assert (abs(found[name] - value) <= n / (1 - n) * magnitude + 1e3 * np.finfo(dtype).smallest_subnormal).all(), (
            name
        )
