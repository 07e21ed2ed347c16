"""Half floats: conversions, and blocks of what is widened."""

import pytest
from conformance import test_halves

from ..bugs import lines


def check():
    """Conversions of all numbers; blocks of a few."""
    for dtype, columns in (("bfloat16", 3), ("bfloat16", 40), ("float16", 40)):
        test_halves.test_conversion_rounds_to_the_nearest_and_stays_within_its_columns(dtype, columns)
    test_halves.test_every_half_float_converts_there_and_back("bfloat16", test_halves.kernels.convert)
    test_halves.check_whole_numbers("numba/portable", "rows", "bfloat16")
    with pytest.MonkeyPatch.context() as patch:
        test_halves.cut_small(patch)
        for case in ("rows", "pairs in batches", "index, one for all", "index of pairs", "index of shared, in pairs"):
            test_halves.check_whole_numbers("numba/portable", case, "float16")
            for wanted in (["x1"], ["weight"], ["bias"], ["x2", "weight"]):
                test_halves.test_what_is_added_to_is_rounded_once(case, wanted, None)
        test_halves.test_chunks_hold_every_row_once()


LINES = [  # module, what stands there, what is put in its place
    ("widened.rows", "        for rows, local in chunk.rows(len(step.x1), block.shared):\n            d1", "        for rows, local in [*chunk.rows(len(step.x1), block.shared)][:1]:\n            d1"),
    ("widened.rows", "        for some in _outputs(block, step.problem):\n            w =", "        for some in [*_outputs(block, step.problem)][:1]:\n            w ="),
    ("widened.rows", "gradient[...] = 0  # no chunk", "pass  # no chunk"),
    ("widened.rows", "kernel.forward(a, c, w, b, local, y,", "kernel.forward(a, c, w, None, local, y,"),
    ("widened.rows", 'g = buffers.read("y", self.grad_output[rows, some])', 'g = buffers.read("y", self.grad_output[rows, : some.stop - some.start])'),
    ("widened.rows", "w = dw if without_inputs else", "w = dw if dw is not None else"),
    ("widened.pairs", 'd2 = buffers.begin("dx2", dx2, (s,), accumulate)', 'd2 = buffers.begin("dx2", dx2, (s,), False)'),
    ("widened.pairs", "which[s.start * problem.rows2 : s.stop * problem.rows2]", "which[: (s.stop - s.start) * problem.rows2]"),
    ("widened.pairs", "        buffers.write(dx2, (s,), d2)\n", ""),
    ("widened.blocks", "        block[...] = 0\n", "        pass\n"),
    ("widened.blocks", "np.searchsorted(some, which[members])", "np.searchsorted(used, which[members])"),
    ("widened.blocks", "members = order[edges[start] : edges[min(start + most, len(used))]]", "members = order[edges[start] : edges[start] + 1]"),
    ("numba.simd.halves", "builder.add(even, _constant(bits, 0x7FFF))", "_constant(bits, 0x7FFF)"),
    ("numba.simd.halves", "chosen = builder.select(builder.fcmp_unordered(\"uno\", value, value), quiet, rounded)", "chosen = rounded"),
    ("numba.simd.halves", "words.repeat(singles, [], single)", "pass"),
    ("numba.simd.halves", "words.least(c, last)", "c"),
]  # fmt: skip

BUGS = lines(LINES, lambda: check, "backends.")
