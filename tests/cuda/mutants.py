"""Every kernel with a bug: a barrier gone, an index exchanged, a tail dropped, a sum not begun. Each must be caught."""

import importlib
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from nbbilinear.backends.cuda import rows, sets

import simulator

FOLDER = Path(rows.__file__).parent
BARRIER = "cuda.syncthreads()"
BUGS = [  # file, what stands there, what a tired hand would write
    ("products", "left[m], right[n], sums[m, n]", "left[m], right[m], sums[m, n]"),
    ("products", "p * pitch + (m // 4) * down + ty * 4", "p * pitch + (m // 4) * down + tx * 4"),
    ("products", "p * pitch_b + (n // 4) * across + tx * 4", "p * pitch_b + (n // 4) * across + ty * 4"),
    ("products", "range(0, depth, 2)", "range(0, depth - 2, 2)"),
    ("staging", "if p < height and c + e < width else zero", "if c + e < width else zero"),
    ("staging", "if p < height and c + e < width else zero", "if p < height else zero"),
    ("staging", "if vector and p < height and c < width:", "if vector and c < width:"),
    ("staging", "if vector and p < height and c < width:", "if vector and p < height:"),
    ("staging", "at = start + p * stride + c", "at = start + c * stride + p"),
    ("staging", "a[(c + e) * pitch + r] = held[e]", "a[c * pitch + r] = held[e]"),
    ("staging", "if b < stop:\n                row = row_at(order, b)\n                at", "if b <= stop:\n                row = row_at(order, b)\n                at"),
    ("staging", "if b < stop:\n                row = row_at(order, b)\n                if", "if b <= stop:\n                row = row_at(order, b)\n                if"),
    ("staging", "held[e] *= factor\n            for e in range(lanes):\n                s", "held[e] *= 1\n            for e in range(lanes):\n                s"),
    ("staging", "return load(order, b) if segmented else b", "return b"),
    ("forward", "(which * outs + k) * in1 * in2", "(which * outs + k) * in2 * in2"),
    ("forward", "range(0, in2, columns)", "range(0, in2 - columns, columns)"),
    ("forward", "range(0, in1, depth)", "range(0, in1 - depth, depth)"),
    ("forward", "if j < in2:", "if j < in2 - 1:"),
    ("forward", "if first + r < stop:", "if first + r < stop - 1:"),
    ("forward", "for x in range(across):", "for x in range(1, across):"),
    ("forward", "load(bias, which * outs + k)", "load(bias, k)"),
    ("forward", "* y_b + k * y_k", "* y_k + k * y_b"),
    ("staging", "first = load(segments, tiles + number)", "first = number * rows"),
    ("staging", "which = load(segments, number)", "which = 0"),
    ("staging", "stop = load(segments, 2 * tiles + number)", "stop = count"),
    ("inputs", "matrices + k0 * step + i * in2 + j0", "matrices + k0 * step + i * in1 + j0"),
    ("inputs", "if add_dx1 or j0 > 0 else total", "if add_dx1 else total"),
    ("inputs", "if add_dx1 or j0 > 0 else total", "if j0 > 0 else total"),
    ("inputs", "+ load(dx2, row + j) if add_dx2 else", "if add_dx2 else"),
    ("inputs", "            clear(second, zero)\n", ""),
    ("inputs", "                clear(sums, zero)\n", ""),
    ("inputs", "fma(sums[m, n], own, second[m, n])", "fma(sums[m, n], factor[m, n], second[m, n])"),
    ("inputs", "range(0, outs, depth)", "range(0, outs - depth, depth)"),
    ("weights", "range(begin, stop, depth)", "range(begin, stop - depth, depth)"),
    ("weights", "min(count, begin + length)", "count"),
    ("weights", "begin = part * length", "begin = part * length + 1"),
    ("weights", "stop = load(starts, part + 1)", "stop = count"),
    ("weights", "+ load(target, at) if accumulate else", "if accumulate else"),
    ("weights", "if i < in1 and j < in2:", "if i < in1 and j < in2 - 1:"),
    ("sums", "for s in range(count):", "for s in range(1, count):"),
    ("sums", "for r in range(rows):", "for r in range(1, rows):"),
    ("sums", "begin + t // columns, stop, rows", "begin + t // columns, stop, 2 * rows"),
    ("rows", "1 if segments is not None else parts, int(whole and accumulate)", "parts, int(accumulate)"),
]  # fmt: skip
TENSOR_BUGS = [
    ("products", "t // 32, t % 32", "t // 32, t % 16"),
    ("products", "ty // 8 * warp_rows + (m // 2) * 16 + m % 2 * 8 + ty % 8", "ty // 8 * 16 + (m // 2) * 16 + m % 2 * 8 + ty % 4"),
    ("products", "tx // 4 * warp_columns + (n // 2) * 8 + tx % 4 * 2 + n % 2", "tx // 4 * 8 + (n // 2) * 8 + tx % 4 + n % 2 * 4"),
    ("products", "lane * pitch + ty // 8 * warp_rows + group", "lane * pitch + group"),
    ("products", "lane * pitch_b + tx // 4 * warp_columns + group", "lane * pitch_b + group"),
    ("products", "first_a + p * pitch + m * 8", "first_a + p * pitch + m * 4"),
    ("products", "first_b + p * pitch_b + n * 4", "first_b + p * pitch_b + n * 8"),
    ("products", "load(a, at + 4 * pitch)\n", "load(a, at + 4)\n"),
    ("products", "load(a, at + 8)", "load(a, at + 4)"),
    ("products", "load(b, at + 4 * pitch_b)", "load(b, at + pitch_b)"),
    ("products", "at, to = from_a + 2 * m, from_b + n", "at, to = from_a + 2 * m, from_b"),
    ("products", "sums[m, n], sums[m, n + 1], sums[m + 1, n], sums[m + 1, n + 1] = mma", "sums[m, n], sums[m + 1, n], sums[m, n + 1], sums[m + 1, n + 1] = mma"),
    ("products", "add(sums, left, right, count_a, 0)", "add(sums, left, right, 0, 0)"),
    ("products", "            if parts_b == 2:\n                add(sums, left, right, 0, count_b)\n", ""),
    ("products", "numbers[e] = high_part", "numbers[e] = numbers[e]"),
    ("products", "if halves and scaled:", "if False:"),
]  # fmt: skip
SMALL_BUGS = [
    ("elements", "(k * in1 + i) * in2 + j), load(x2, b * in2 + j), inner)\n                total = fma(load(x1, b * in1 + i), inner, total)\n            store(y", "(k * in1 + i) * in2 + j), load(x2, b * in2 + j), inner)\n                total = fma(load(x1, b * in1 + i), inner, total)\n            store(x1"),
    ("elements", "if n < count * outs:", "if n < count * outs - 1:"),
    ("elements", "b * y_b + k * y_k", "b * y_k + k * y_b"),
    ("elements", "if n < end1:", "if n < end1 - 1:"),
    ("elements", "elif n < end2:", "elif n < end2 - 1:"),
    ("elements", "elif n < end4:", "elif n < end4 - 1:"),
    ("elements", "i = m // in2 % in1", "i = m // in2"),
    ("elements", "load(x1, b * in1 + i), inner)\n                total = fma(load(g", "load(x1, b * in2 + i), inner)\n                total = fma(load(g"),
    ("few", "if vector and j < size:", "if vector:"),
    ("few", "if j + e < size else zero", "if j < size else zero"),
    ("few", "partial[b * threads + t + half]", "partial[t + half]"),
    ("few", "half = threads // 2", "half = threads // 4"),
    ("few", "range(begin + t // across, stop, down)", "range(begin + t // across, stop - 1, down)"),
    ("few", "range(begin + t // across, stop, down)", "range(begin, stop, down)"),
    ("few", "range(t // across, outs, down)", "range(t // across, outs - 1, down)"),
    ("few", "if with_bias and part == 0 else zero", "if with_bias else zero"),
    ("few", "if accumulate or j0 > 0 else zero", "if accumulate else zero"),
    ("few", "for y in range(down):", "for y in range(1, down):"),
    ("few", "(part * count + b) * in2 + j + e", "(part * high + b) * in2 + j + e"),
    ("few", "second[b, e] = fma(sums[b, e], own, second[b, e])", "second[b, e] = sums[b, e] * own"),
    ("few", "range(begin, min(in1, begin + length))", "range(begin, begin + length)"),
    ("sides", "cuda.blockIdx.x % across) * columns", "cuda.blockIdx.x % across) * 4"),
    ("sides", "k * inner * size", "k * inner * inner"),
    ("sides", "range(0, inner, depth)", "range(0, inner - depth, depth)"),
    ("sides", "k * g_k, g_b, held", "g_k, g_b, held"),
    ("sides", "if c < size:", "if c < size - 1:"),
    ("sides", "clear(sums, zero)", "place(t)"),
    ("staging", "held[e] *= factor\n            for e in range(lanes):\n                a", "held[e] *= 1\n            for e in range(lanes):\n                a"),
    ("staging", "load(factors, offset + row * step)", "load(factors, offset)"),
    ("sums", "n // width * down + n % width * across", "n // width * across + n % width * down"),
    ("small", "(y, (0, *steps(y))) if parts == 1", "(y, (0, *steps(y)[::-1])) if parts == 1"),
]  # fmt: skip
LAYERS = (
    ("staging", "products"),
    ("forward", "inputs", "weights", "sums", "sides", "few", "elements"),
    ("compiling", "rows"),
    ("small",),
    ("sets",),
)


def sources():
    """(file, line) of every barrier."""
    for name in ("forward", "inputs", "weights", "sums", "sides", "few"):
        for number, line in enumerate((FOLDER / f"{name}.py").read_text().splitlines()):
            if line.strip() == BARRIER:
                yield name, number


def install(name, text):
    """The package's module with another text, and those above it anew."""
    modules = {one: sys.modules[f"nbbilinear.backends.cuda.{one}"] for layer in LAYERS for one in layer}
    exec(compile(text, modules[name].__file__, "exec"), vars(modules[name]))
    above = next(n for n, layer in enumerate(LAYERS) if name in layer) + 1
    for layer in LAYERS[above:]:
        for one in layer:
            importlib.reload(modules[one])


@pytest.fixture
def changed():
    names = []

    def change(name, text):
        names.append(name)
        install(name, text)

    yield change
    for name in names:
        install(name, (FOLDER / f"{name}.py").read_text())


def problems():
    """Plain and indexed rows: three tiles in every loop with a tail, without and with vectors."""
    rng = np.random.default_rng(0)
    for indexed, sizes in ((False, (40, 2, 5, 9)), (False, (19, 9, 9, 19)), (True, (19, 5, 8, 12))):
        yield "fused", *drawn(rng, sizes, "f4", (3, 3, 3, 3), indexed)


def small_problems():
    """Each small kernel, with more than it has threads, parts and tiles for."""
    rng = np.random.default_rng(0)
    for kernel, indexed, sizes in (
        ("few", False, (3, 7, 19, 19)), ("few", False, (2, 1, 13, 12)), ("elements", False, (3, 5, 4, 40)),
        ("sides", False, (19, 2, 9, 19)), ("sides", False, (17, 2, 8, 12)),
    ):  # fmt: skip
        yield kernel, *drawn(rng, sizes, "f4", (3, 3, 3, 3), indexed)


def tensor_problems():
    """Numbers of more bits than one part has, in one factor at a time, so that sums are exact in float32."""
    rng = np.random.default_rng(0)
    large = 1 << 16
    for outs, in1, most in ((1, 9, (large, 1, 1, 1)), (1, 9, (1, 1, large, 1)), (9, 2, (1, 1, 1, large))):
        yield "fused.tf32x3", *drawn(rng, (17, outs, in1, 17), "f4", most, indexed=False)
    yield "fused.float16", *drawn(rng, (9, 1, 33, 9), "f2", (63, 1, 1, 63), indexed=False)


def drawn(rng, sizes, dtype, most, indexed):
    """x1, x2, weight, bias and the gradient of y, of integers up to ``most`` of x1, x2, weight and the gradient."""
    (b, k, i, j), weights = sizes, 3 if indexed else 1
    shapes = (b, i), (b, j), (weights, k, i, j), (weights, k), (b, k)
    limits = (*most[:3], 3, most[3])
    which = rng.integers(0, 3, b) if indexed else None
    return [rng.integers(-n, n + 1, s).astype(dtype) for s, n in zip(shapes, limits, strict=True)], which


def is_right(some=problems):
    """Whether all faces are, to the bit; what cannot run is wrong."""
    try:
        return all(found.tobytes() == want.tobytes() for case in some() for found, want in faces(*case))
    except (AssertionError, IndexError, ValueError, RuntimeError):
        return False


def kernel_set(name):
    """The kernels as they are now, on a device of two processors."""
    family, _, way = name.partition(".")
    device = replace(simulator.DEVICE, processors=40 if family == "fused" else 2)
    found = {kernel.name: kernel for kernel in sys.modules[sets.__name__].kernel_sets("x", device, partial)}
    halves = dict(found[f"x/{family}"].stored)
    return halves[way] if way in halves else found[f"x/{name}"]


def faces(name, operands, which):
    """Pairs of what the kernels find and what is true, at most as many as are needed."""
    x1, x2, w, bias, g = operands
    stored, kernel = x1.dtype, kernel_set(name)
    chosen = np.zeros(len(x1), int) if which is None else which
    room = np.full(10_000, np.nan, "f4")
    stack, a, c, d = w[chosen].astype(float), x1.astype(float), x2.astype(float), g.astype(float)
    y = np.full((g.shape[1], len(x1)), np.nan, stored).T
    kernel.forward(x1, x2, w, bias, which, y, room)
    yield y, (np.einsum("bi,bkij,bj->bk", a, stack, c) + bias[chosen]).astype(stored)
    dx1, dx2, dw, db = (np.ones_like(operand) for operand in (x1, x2, w, bias))
    kernel.backward(g, x1, x2, w, which, dx1, dx2, dw, db, room, True)
    yield dx1, (1 + np.einsum("bk,bkij,bj->bi", d, stack, c)).astype(stored)
    yield dx2, (1 + np.einsum("bk,bkij,bi->bj", d, stack, a)).astype(stored)
    terms, sums = np.ones(w.shape), np.ones(bias.shape)
    np.add.at(terms, chosen, np.einsum("bk,bi,bj->bkij", d, a, c))
    np.add.at(sums, chosen, d)
    yield dw, terms.astype(stored)
    yield db, sums.astype(stored)
    twice = np.full_like(dx1, np.nan)
    kernel.backward(g, x1, x2, w, which, twice, None, None, None, room, False)
    yield twice, dx1 - 1


@pytest.mark.parametrize("some", [problems, tensor_problems, small_problems])
def test_as_it_is(some):
    assert is_right(some)


def broken(bugs):
    """A test for every bug of a table."""
    ids = [f"{name}: {wrong[:60]}" for name, _, wrong in bugs]
    return pytest.mark.parametrize(("name", "right", "wrong"), bugs, ids=ids)


def mutated(name, right, wrong):
    text = (FOLDER / f"{name}.py").read_text()
    assert text.count(right) == 1, "the table of bugs is out of date"
    return text.replace(right, wrong)


@pytest.mark.filterwarnings("ignore")
@broken(BUGS)
def test_a_bug_is_caught(changed, name, right, wrong):
    changed(name, mutated(name, right, wrong))
    assert not is_right()


@pytest.mark.filterwarnings("ignore")
@broken(TENSOR_BUGS)
def test_a_bug_on_tensor_cores_is_caught(changed, name, right, wrong):
    changed(name, mutated(name, right, wrong))
    assert not is_right(tensor_problems)


@pytest.mark.filterwarnings("ignore")
@broken(SMALL_BUGS)
def test_a_bug_of_small_problems_is_caught(changed, name, right, wrong):
    changed(name, mutated(name, right, wrong))
    assert not is_right(small_problems)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "number"), list(sources()))
def test_a_barrier_less_is_caught(changed, name, number):
    lines = (FOLDER / f"{name}.py").read_text().splitlines()
    lines[number] = lines[number].replace(BARRIER, "pass")
    changed(name, "\n".join(lines))
    assert not is_right(small_problems if name in ("sides", "few") else problems)
