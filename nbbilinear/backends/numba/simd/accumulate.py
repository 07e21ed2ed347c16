"""Gradients of x1 and x2: dx2[j] += g t[j] with t[j] = sum_i x1[i] W[i,j] in registers; for dx1, W is transposed.

Lanes are columns of W, rows stay where they lie. Two products, where `spread` needs one for both: less up to two outputs.
"""

from ..compiling import loops
from .machine import call
from .panels import aligned, where


@loops
def accumulate(cut, code, parts, order, grad_output, x1, x2, weight, dx1, dx2, add, piece, start, stop):
    """Dx1 and dx2 of all parts from ``start`` on."""
    size, outputs, in1, in2 = x1.itemsize, weight.shape[1], weight.shape[2], weight.shape[3]
    panel = aligned(piece)
    for part in range(start, stop):
        first, rows = parts[part, 2], parts[part, 3]
        for dx in (dx1, dx2):
            if dx.size and not add:
                dx[first : first + rows] = 0
        for k in range(outputs):
            g = where(grad_output) + first * grad_output.strides[0] + k * grad_output.strides[1]
            if dx2.size:
                for i in range(0, in1, cut.sums):
                    left = where(x1) + first * x1.strides[0] + i * size
                    for j in range(0, in2, cut.width):
                        w, count = where(weight[0, k]) + (i * in2 + j) * size, min(cut.sums, in1 - i)
                        call(code.pack, w, in2 * size, count, in2 - j, panel)
                        target = where(dx2) + first * dx2.strides[0] + j * size
                        _accumulate(
                            cut,
                            code,
                            rows,
                            left,
                            x1.strides[0],
                            panel,
                            count,
                            in2 - j,
                            g,
                            grad_output.strides[0],
                            target,
                            dx2.strides[0],
                            size,
                        )
            if dx1.size:
                for j in range(0, in2, cut.sums):
                    left = where(x2) + first * x2.strides[0] + j * size
                    for i in range(0, in1, cut.width):
                        w, count = where(weight[0, k]) + (i * in2 + j) * size, min(cut.sums, in2 - j)
                        call(code.gather, w, where(order), in2 * size, in1 - i, count, panel)
                        target = where(dx1) + first * dx1.strides[0] + i * size
                        _accumulate(
                            cut,
                            code,
                            rows,
                            left,
                            x2.strides[0],
                            panel,
                            count,
                            in1 - i,
                            g,
                            grad_output.strides[0],
                            target,
                            dx1.strides[0],
                            size,
                        )


@loops
def _accumulate(cut, code, rows, left, left_row, panel, count, columns, g, g_row, target, target_row, size):
    """The part of a panel of the weight in a gradient of all rows, tile by tile."""
    tall = code.whole_tall if columns >= cut.width else code.end_tall
    last = code.whole_last if columns >= cut.width else code.end_last
    for b in range(0, rows, cut.tall):
        tile = tall if rows - b >= cut.tall else last
        call(tile, left, left_row, panel, cut.width * size, count, columns, g, g_row, target, target_row)
        left += cut.tall * left_row
        g += cut.tall * g_row
        target += cut.tall * target_row
