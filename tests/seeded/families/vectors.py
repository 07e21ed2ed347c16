"""Vector kernels: what writes micro-kernels, and the loops that call them."""

from functools import cache, partial

import pytest
from unit import test_simd

from ..bugs import lines


def check(kernel):
    """Whole numbers through blocks so small that every loop turns several times."""
    for dtype, threads in (("float32", 1), ("float64", 1)):
        test_simd.check_whole_numbers(kernel, dtype, threads)
    test_simd.check_chosen_weights(kernel)
    if kernel in test_simd.KEEPING:
        for weights in (0, 2):
            test_simd.check_kept(kernel, "float32", weights)


@cache
def small(kernel):
    """The check of a kernel."""
    return partial(_small, f"numba/simd.{kernel}")


def _small(kernel):
    with pytest.MonkeyPatch.context() as patch:
        test_simd.cut_small(patch)
        test_simd.forget()
        check(kernel)
    test_simd.forget()


LINES = [  # module, what stands there, what is put in its place, the kernel that uses it
    ("tiles", "chains[r % 2] = words.fma(sums[r][v]", "chains[r % 2] = words.fma(sums[0][v]", "left"),
    ("tiles", "dx1_i[i], dx2_j = words.fma(u, x2_j, dx1_i[i]),", "dx1_i[i], dx2_j = words.fma(u, x2_j, dx1_i[0]),", "left"),
    ("tiles", "words.fma(u, x1_i[i], dx2_j)", "words.multiply(u, x1_i[i])", "left"),
    ("lines", "words.repeat(singles, carried, group(1))", "pass", "left"),
    ("tiles", "value = words.plus(words.load(c, v * words.lanes, present[v]), sums[r][v])", "value = sums[r][v]", "left"),
    ("row_tiles", "more = words.fma(sums[r][v], words.load(right, v * words.lanes, within[v]), total)", "more = words.plus(sums[r][v], total)", "columns"),
    ("row_tiles", "words.fma(factor, sums[r][v], words.load(target, here, within[v]))", "words.multiply(factor, sums[r][v])", "columns"),
    ("row_tiles", "words.fma(sums[r][v], x1_b, words.load(dx2, here, within[v]))", "words.multiply(sums[r][v], x1_b)", "columns"),
    ("row_tiles", "return self.words.add(pointers[r // 3], self.offsets[r % 3])", "return self.words.add(pointers[r // 3], self.offsets[0])", "columns"),
    ("row_tiles", "total = words.fma(words.broadcast(x1, i), sums[i * rows + r if many > rows else r * many + i], total)", "total = words.plus(sums[0], total)", "columns"),
    ("lines", "words.repeat(lasts, carried, folded(1, lasts), step=SWEEP)", "pass", "columns"),
    ("lines", "moves.fold(words, 1, words.integer(1), words.next_line(part, r)", "moves.fold(words, 1, words.integer(1), part", "columns"),
    ("tiles", "added = [words.plus(*pair) for pair", "added = [pair[1] for pair", "outer"),
    ("lines", "words.repeat(ends, carried, along(True))", "pass", "columns"),
    ("share", "for k in range(0, outputs, BLOCK):", "for k in range(0, min(outputs, BLOCK), BLOCK):", "columns"),
    ("sweep", "for k in range(parts[part, 4], end, cut.totals):", "for k in range(parts[part, 4], parts[part, 4] + 1):", "columns"),
    ("lines", "words.repeat(lows, [weight, x2], group(tall - 1, lows), step=FOLD)", "pass", "left"),
    ("lines", "words.repeat(lasts, carried, body(last))", "pass", "columns"),
    ("moves", "turned[row], turned[row + size] = words.shuffle(a, b, upper), words.shuffle(a, b, lower)", "turned[row], turned[row + size] = a, b", "left"),
    ("moves", "words.plus(words.load_number(start), words.total(words.load(totals)))", "words.total(words.load(totals))", "columns"),
    ("moves", "words.multiply(factor, words.load(panel, v))", "words.load(panel, v)", "left"),
    ("words", "order = [lane ^ half for lane in range(self.lanes)]", "order = [lane for lane in range(self.lanes)]", "columns"),
    ("project", "bias_k = where(bias) + (w * weight.shape[1] + k) * size if bias.size else 0", "bias_k = 0", "left"),
    ("project", "weight_k = where(weight) + (w * weight.shape[1] + k) * matrix", "weight_k = where(weight) + k * matrix", "left"),
    ("spread", "        if accumulate and dx2.size:\n", "        if False:\n", "left"),
    ("spread", "for k in range(0, outputs, cut.outputs):", "for k in range(0, min(outputs, cut.outputs), cut.outputs):", "left"),
    ("weight_gradient", "for v in range(0, columns, cut.width):", "for v in range(0, 1, cut.width):", "left"),
    ("weight_gradient", "1 if accumulate or b > 0 else 0", "1 if accumulate else 0", "left"),
    ("weight_gradient", "for b in range(0, rows, cut.rows):", "for b in range(0, min(rows, cut.rows), cut.rows):", "left"),
    ("accumulate", "if cut.last and dx.size and not add:", "if cut.last and dx.size:", "columns"),
    ("accumulate", "s, place, first, rows = parts[part, 0] * outputs,", "s, place, first, rows = 0,", "columns"),
    ("accumulate", "there = 1 if add else 0", "there = 0", "columns"),
    ("accumulate", "t = where(kept) + (place + first) * outputs * row2", "t = where(kept)", "columns"),
    ("accumulate", "t + k * row2, outputs * row2", "t, outputs * row2", "columns"),
    ("accumulate", "call(code.clear, -(-rows * in2 // cut.lanes), dx2_b)", "pass", "columns"),
    ("weigh", "s, place, first, rows = parts[part, 0] * outputs,", "s, place, first, rows = 0,", "columns"),
    ("weigh", "code = codes[rows % cut.tall % len(codes)]", "code = codes[0]", "columns"),
    ("weigh", "add = 1 if i > 0 else 0", "add = 0", "columns"),
    ("weigh", "begin = where(bias) + (s + k) * size if bias.size else zero", "begin = where(bias) + k * size if bias.size else zero", "columns"),
    ("row_tiles", "value = words.plus(words.load(kept, v * words.lanes, present[v]), sums[r][v])", "value = sums[r][v]", "columns"),
    ("row_tiles", "words.add(kept, kept_row)", "words.add(kept, right_row)", "columns"),
    ("row_tiles", "more = words.fma(factor, words.load(source, 0, within), words.load(target, 0, within))", "more = words.multiply(factor, words.load(source, 0, within))", "columns"),
    ("row_tiles", "here = words.add(target, words.times(words.load_index(order), target_row))", "here = words.add(target, words.times(words.load_index(order), source_row))", "columns"),
    ("tasks", "place = np.repeat(starts, parts) + part * step", "place = np.repeat(starts, parts)", "columns"),
    ("weight_gradient", "unused[found.weights] = False", "unused[:] = False", "left"),
]  # fmt: skip

BUGS = lines(LINES, small, "backends.numba.simd.")
