"""Gradients of x1 and x2: dx2[j] += g t[j] with t[j] = sum_i x1[i] W[i,j] in registers; for dx1, W is transposed.

Lanes are columns of W, rows stay where they lie. Two products, where `spread` has one: less for one or two outputs.
"""

from ..compiling import loops
from .machine import aligned, call, where


@loops
def accumulate(
    cuts, codes, parts, order, numbers, grad_output, x1, x2, weight, kept, dx1, dx2, add, piece, start, stop
):
    """Dx1 and dx2 of all parts from ``start`` on; dx2 from x1 W where that was kept, rows in their order."""
    cut = cuts[0]
    size, outputs, in1, in2 = x1.itemsize, weight.shape[1], weight.shape[2], weight.shape[3]
    panel, g_row, row1, row2 = aligned(piece), grad_output.strides[0], in1 * size, in2 * size
    for part in range(start, stop):
        s, place, first, rows = parts[part, 0] * outputs, parts[part, 1], parts[part, 2], parts[part, 3]
        code = codes[rows % cut.tall % len(codes)]
        talls, lasts, here = rows // cut.tall, 1 if rows % cut.tall else 0, where(order) + 8 * place
        x1_b, x2_b, g_b = where(x1) + first * row1, where(x2) + first * row2, where(grad_output) + first * g_row
        dx1_b, dx2_b = where(dx1) + first * row1, where(dx2) + first * row2
        t = where(kept) + (place + first) * outputs * row2
        if not cut.last:  # rows of several weights are put side by side
            x1_b = panel + -(-cut.sums // cut.lanes) * cut.lanes * cut.width * size
            x2_b = x1_b + cut.rows * row1
            dx1_b = x2_b + cut.rows * row2
            dx2_b = dx1_b + cut.rows * row1
            g_b = dx2_b + cut.rows * row2
            call(code.fetch, where(x1), here, row1, rows, in1, x1_b, row1)
            call(code.fetch, where(x2), here, row2, rows, in2, x2_b, row2)
            call(code.clear, -(-rows * in1 // cut.lanes), dx1_b)
            call(code.clear, -(-rows * in2 // cut.lanes), dx2_b)
        for dx in (dx1, dx2):
            if cut.last and dx.size and not add:
                dx[first : first + rows] = 0
        for k in range(outputs):
            g, g_step = g_b + k * grad_output.strides[1], g_row
            if not cut.last:
                call(code.fetch, where(grad_output) + k * grad_output.strides[1], here, g_row, rows, 1, g_b, size)
                g, g_step = g_b, size
            if kept.size:
                call(code.blend, g, g_step, t + k * row2, outputs * row2, dx2_b, row2, rows, in2)
            for i in range(0, in1 if dx2.size and not kept.size else 0, cut.sums):
                for j in range(0, in2, cut.width):
                    count, w = min(cut.sums, in1 - i), where(weight) + (((s + k) * in1 + i) * in2 + j) * size
                    call(code.pack, w, row2, count, in2 - j, panel)
                    call(
                        code.whole if in2 - j >= cut.width else code.end, talls, lasts, x1_b + i * size, row1,
                        panel, cut.width * size, count, in2 - j, g, g_step, dx2_b + j * size, row2,
                    )  # fmt: skip
            for j in range(0, in2 if dx1.size else 0, cut.sums):
                for i in range(0, in1, cut.width):
                    count, w = min(cut.sums, in2 - j), where(weight) + (((s + k) * in1 + i) * in2 + j) * size
                    call(code.gather, w, where(numbers), row2, in1 - i, count, panel)
                    call(
                        code.whole if in1 - i >= cut.width else code.end, talls, lasts, x2_b + j * size, row2,
                        panel, cut.width * size, count, in1 - i, g, g_step, dx1_b + i * size, row1,
                    )  # fmt: skip
        if not cut.last:
            there = 1 if add else 0
            call(code.put, dx1_b, row1, here, where(dx1), row1, rows if dx1.size else 0, in1, there)
            call(code.put, dx2_b, row2, here, where(dx2), row2, rows if dx2.size else 0, in2, there)
