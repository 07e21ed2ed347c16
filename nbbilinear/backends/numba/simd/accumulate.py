"""Gradients of x1 and x2: dx2[j] += g t[j] with t[j] = sum_i x1[i] W[i,j] in registers; for dx1, W is transposed.

Lanes are columns of W, rows stay where they lie. Two products, where `spread` has one: less for one or two outputs.
"""

from ..compiling import loops
from .machine import aligned, call, where


@loops
def accumulate(cuts, codes, parts, order, grad_output, x1, x2, weight, dx1, dx2, add, piece, start, stop):
    """Dx1 and dx2 of all parts from ``start`` on."""
    cut, code = cuts[0], codes[0]
    size, outputs, in1, in2 = x1.itemsize, weight.shape[1], weight.shape[2], weight.shape[3]
    panel, g_row = aligned(piece), grad_output.strides[0]
    for part in range(start, stop):
        first, rows = parts[part, 2], parts[part, 3]
        talls, lasts = rows // cut.tall, 1 if rows % cut.tall else 0
        x1_b, x2_b = where(x1) + first * in1 * size, where(x2) + first * in2 * size
        if dx1.size and not add:
            dx1[first : first + rows] = 0
        if dx2.size and not add:
            dx2[first : first + rows] = 0
        for k in range(outputs):
            g = where(grad_output) + first * g_row + k * grad_output.strides[1]
            for i in range(0, in1 if dx2.size else 0, cut.sums):
                for j in range(0, in2, cut.width):
                    count, target = min(cut.sums, in1 - i), where(dx2) + (first * in2 + j) * size
                    call(code.pack, where(weight) + ((k * in1 + i) * in2 + j) * size, in2 * size, count, in2 - j, panel)
                    call(
                        code.whole if in2 - j >= cut.width else code.end, talls, lasts, x1_b + i * size, in1 * size,
                        panel, cut.width * size, count, in2 - j, g, g_row, target, in2 * size,
                    )  # fmt: skip
            for j in range(0, in2 if dx1.size else 0, cut.sums):
                for i in range(0, in1, cut.width):
                    count, target = min(cut.sums, in2 - j), where(dx1) + (first * in1 + i) * size
                    w = where(weight) + ((k * in1 + i) * in2 + j) * size
                    call(code.gather, w, where(order), in2 * size, in1 - i, count, panel)
                    call(
                        code.whole if in1 - i >= cut.width else code.end, talls, lasts, x2_b + j * size, in2 * size,
                        panel, cut.width * size, count, in1 - i, g, g_row, target, in1 * size,
                    )  # fmt: skip
