"""Every kernel with a bug: a barrier gone, an index exchanged, a tail dropped, a sum not begun. Each must be caught."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nbbilinear.backends.cuda import rows

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
    ("staging", "            if b < stop:\n                at =", "            if b <= stop:\n                at ="),
    ("staging", "            if b < stop:\n                row =", "            if b <= stop:\n                row ="),
    ("staging", "held[e] *= factor", "held[e] *= 1"),
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
WAYS = {  # of multiplying; the plain one, and on tensor cores numbers of more bits than one part has, and half floats
    "f4": (("float32", "f4"), ("float64", "f8")), "tf32x3": (("float32", "tf32x3"),), "f2": (("float16", "f2"),)
}  # fmt: skip


def sources():
    """(file, line) of every barrier."""
    for name in ("forward", "inputs", "weights", "sums"):
        for number, line in enumerate((FOLDER / f"{name}.py").read_text().splitlines()):
            if line.strip() == BARRIER:
                yield name, number


def install(name, text):
    """The package's module with another text, and those above it anew."""
    above = {"staging": 0, "products": 0}.get(name, 4)
    kernels = ("forward", "inputs", "weights", "sums")[above:]
    module = sys.modules[f"nbbilinear.backends.cuda.{name}"]
    exec(compile(text, module.__file__, "exec"), vars(module))
    for other in (*kernels, "compiling"):
        importlib.reload(sys.modules[f"nbbilinear.backends.cuda.{other}"])


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
        yield "f4", *drawn(rng, sizes, "f4", (3, 3, 3, 3), indexed)


def tensor_problems():
    """Numbers of more bits than one part has, in one factor at a time, so that sums are exact in float32."""
    rng = np.random.default_rng(0)
    large = 1 << 16
    for outs, in1, most in ((1, 9, (large, 1, 1, 1)), (1, 9, (1, 1, large, 1)), (9, 2, (1, 1, 1, large))):
        yield "tf32x3", *drawn(rng, (17, outs, in1, 17), "f4", most, indexed=False)
    yield "f2", *drawn(rng, (9, 1, 33, 9), "f2", (63, 1, 1, 63), indexed=False)


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


def faces(way, operands, which):
    """Pairs of what the kernels find and what is true, at most as many as are needed."""
    x1, x2, w, bias, g = operands
    stored = x1.dtype
    chosen, device = np.zeros(len(x1), int) if which is None else which, replace(simulator.DEVICE, kinds=WAYS[way])
    stack, a, c, d = w[chosen].astype(float), x1.astype(float), x2.astype(float), g.astype(float)
    y = np.full((g.shape[1], len(x1)), np.nan, stored).T
    rows.forward(device, x1, x2, w, bias, which, y, None)
    yield y, (np.einsum("bi,bkij,bj->bk", a, stack, c) + bias[chosen]).astype(stored)
    dx1, dx2, dw, db = (np.ones_like(operand) for operand in (x1, x2, w, bias))
    room = np.full(10_000, np.nan, "f4")
    rows.backward(device, g, x1, x2, w, which, dx1, dx2, dw, db, room, True)
    yield dx1, (1 + np.einsum("bk,bkij,bj->bi", d, stack, c)).astype(stored)
    yield dx2, (1 + np.einsum("bk,bkij,bi->bj", d, stack, a)).astype(stored)
    terms, sums = np.ones(w.shape), np.ones(bias.shape)
    np.add.at(terms, chosen, np.einsum("bk,bi,bj->bkij", d, a, c))
    np.add.at(sums, chosen, d)
    yield dw, terms.astype(stored)
    yield db, sums.astype(stored)
    twice = np.full_like(dx1, np.nan)
    rows.backward(device, g, x1, x2, w, which, twice, None, None, None, room, False)
    yield twice, dx1 - 1


@pytest.mark.parametrize("some", [problems, tensor_problems])
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
@pytest.mark.parametrize(("name", "number"), list(sources()))
def test_a_barrier_less_is_caught(changed, name, number):
    lines = (FOLDER / f"{name}.py").read_text().splitlines()
    lines[number] = lines[number].replace(BARRIER, "pass")
    changed(name, "\n".join(lines))
    assert not is_right()
