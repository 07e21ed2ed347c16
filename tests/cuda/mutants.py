"""Every kernel with a bug: a barrier gone, an index exchanged, a tail dropped, a sum not begun. Each must be caught."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from nbbilinear.backends.cuda import compiling, rows

import simulator

FOLDER = Path(rows.__file__).parent
BARRIER = "cuda.syncthreads()"
BUGS = [  # file, what stands there, what a tired hand would write
    ("tiles", "left[m], right[n], sums[m, n]", "left[m], right[m], sums[m, n]"),
    ("tiles", "p * pitch + (m // 4) * down + ty * 4", "p * pitch + (m // 4) * down + tx * 4"),
    ("tiles", "p * columns + (n // 4) * across + tx * 4", "p * columns + (n // 4) * across + ty * 4"),
    ("tiles", "range(0, depth, 2)", "range(0, depth - 2, 2)"),
    ("tiles", "if p < height and c + e < width else zero", "if c + e < width else zero"),
    ("tiles", "if p < height and c + e < width else zero", "if p < height else zero"),
    ("tiles", "if vector and p < height and c < width:", "if vector and c < width:"),
    ("tiles", "if vector and p < height and c < width:", "if vector and p < height:"),
    ("tiles", "at = start + p * stride + c", "at = start + c * stride + p"),
    ("tiles", "a[(c + e) * pitch + r] = held[e]", "a[c * pitch + r] = held[e]"),
    ("tiles", "            if b < stop:\n                at =", "            if b <= stop:\n                at ="),
    ("tiles", "            if b < stop:\n                row =", "            if b <= stop:\n                row ="),
    ("tiles", "held[e] *= factor", "held[e] *= 1"),
    ("tiles", "return load(order, b) if segmented else b", "return b"),
    ("forward", "(which * outs + k) * in1 * in2", "(which * outs + k) * in2 * in2"),
    ("forward", "range(0, in2, columns)", "range(0, in2 - columns, columns)"),
    ("forward", "range(0, in1, depth)", "range(0, in1 - depth, depth)"),
    ("forward", "if j < in2:", "if j < in2 - 1:"),
    ("forward", "if first + r < stop:", "if first + r < stop - 1:"),
    ("forward", "for x in range(across):", "for x in range(1, across):"),
    ("forward", "load(bias, which * outs + k)", "load(bias, k)"),
    ("forward", "* y_b + k * y_k", "* y_k + k * y_b"),
    ("forward", "first = load(segments, tiles + tile_number)", "first = tile_number * rows"),
    ("inputs", "matrices + k0 * step + i * in2 + j0", "matrices + k0 * step + i * in1 + j0"),
    ("inputs", "if accumulate or j0 > 0 else total", "if accumulate else total"),
    ("inputs", "if accumulate or j0 > 0 else total", "if j0 > 0 else total"),
    ("inputs", "+ dx2[row + j] if accumulate else second[m, n]", "if accumulate else second[m, n]"),
    ("inputs", "            clear(second, zero)\n", ""),
    ("inputs", "                clear(sums, zero)\n", ""),
    ("inputs", "fma(sums[m, n], own, second[m, n])", "fma(sums[m, n], factor[m, n], second[m, n])"),
    ("inputs", "range(0, outs, depth)", "range(0, outs - depth, depth)"),
    ("inputs", "which = load(segments, cuda.blockIdx.x)", "which = 0"),
    ("weights", "range(begin, stop, depth)", "range(begin, stop - depth, depth)"),
    ("weights", "min(count, begin + length)", "count"),
    ("weights", "begin = part * length", "begin = part * length + 1"),
    ("weights", "stop = load(starts, part + 1)", "stop = count"),
    ("weights", "+ target[at] if accumulate else sums[m, n]", "if accumulate else sums[m, n]"),
    ("weights", "if i < in1 and j < in2:", "if i < in1 and j < in2 - 1:"),
    ("sums", "for s in range(count):", "for s in range(1, count):"),
    ("sums", "for r in range(rows):", "for r in range(1, rows):"),
    ("sums", "begin + t // columns, stop, rows", "begin + t // columns, stop, 2 * rows"),
    ("rows", "1 if segments is not None else parts, int(whole and accumulate)", "parts, int(accumulate)"),
]  # fmt: skip


def sources():
    """(file, line) of every barrier."""
    for name in ("forward", "inputs", "weights", "sums"):
        for number, line in enumerate((FOLDER / f"{name}.py").read_text().splitlines()):
            if line.strip() == BARRIER:
                yield name, number


def install(name, text):
    """The package's module with another text, and those above it anew."""
    modules = [
        sys.modules[f"nbbilinear.backends.cuda.{one}"] for one in ("tiles", "forward", "inputs", "weights", "sums")
    ]
    module = sys.modules[f"nbbilinear.backends.cuda.{name}"]
    exec(compile(text, module.__file__, "exec"), vars(module))
    for other in (*(modules[1:] if name == "tiles" else ()), compiling):
        importlib.reload(other)


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
    for indexed, (b, k, i, j) in ((False, (40, 2, 5, 9)), (False, (19, 9, 9, 19)), (True, (19, 5, 8, 12))):
        shapes = (b, i), (b, j), (3 if indexed else 1, k, i, j), (3 if indexed else 1, k), (b, k)
        which = rng.integers(0, 3, b) if indexed else None
        yield [rng.integers(-3, 4, shape).astype("f4") for shape in shapes], which


def is_right():
    """Whether all faces are, to the bit; what cannot run is wrong."""
    try:
        return all(found.tobytes() == want.tobytes() for case in problems() for found, want in faces(*case))
    except (AssertionError, IndexError, ValueError, RuntimeError):
        return False


def faces(operands, which):
    """Pairs of what the kernels find and what is true, at most as many as are needed."""
    x1, x2, w, bias, g = operands
    chosen, device = np.zeros(len(x1), int) if which is None else which, simulator.DEVICE
    stack = w[chosen].astype(float)
    y = np.full((g.shape[1], len(x1)), np.nan, "f4").T
    rows.forward(device, x1, x2, w, bias, which, y, None)
    yield y, (np.einsum("bi,bkij,bj->bk", x1, stack, x2) + bias[chosen]).astype("f4")
    dx1, dx2, dw, db = (np.ones_like(a) for a in (x1, x2, w, bias))
    room = np.full(10_000, np.nan, "f4")
    rows.backward(device, g, x1, x2, w, which, dx1, dx2, dw, db, room, True)
    yield dx1, (1 + np.einsum("bk,bkij,bj->bi", g, stack, x2)).astype("f4")
    yield dx2, (1 + np.einsum("bk,bkij,bi->bj", g, stack, x1)).astype("f4")
    terms, sums = np.ones(w.shape), np.ones(bias.shape)
    np.add.at(terms, chosen, np.einsum("bk,bi,bj->bkij", g, x1, x2, dtype=float))
    np.add.at(sums, chosen, g)
    yield dw, terms.astype("f4")
    yield db, sums.astype("f4")
    twice = np.full_like(dx1, np.nan)
    rows.backward(device, g, x1, x2, w, which, twice, None, None, None, room, False)
    yield twice, dx1 - 1


def test_as_it_is():
    assert is_right()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "right", "wrong"), BUGS, ids=[f"{name}: {wrong[:60]}" for name, _, wrong in BUGS])
def test_a_bug_is_caught(changed, name, right, wrong):
    text = (FOLDER / f"{name}.py").read_text()
    assert text.count(right) == 1, "the table of bugs is out of date"
    changed(name, text.replace(right, wrong))
    assert not is_right()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "number"), list(sources()))
def test_a_barrier_less_is_caught(changed, name, number):
    lines = (FOLDER / f"{name}.py").read_text().splitlines()
    lines[number] = lines[number].replace(BARRIER, "pass")
    changed(name, "\n".join(lines))
    assert not is_right()
