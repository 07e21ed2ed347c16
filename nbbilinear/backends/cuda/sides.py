"""dx2[b,j] = sum_k sum_i (g[b,k] x1[b,i]) W[k,i,j], and dx1 likewise with the matrices turned: for few outputs.

A product more than `inputs.py` takes, which shares u between both gradients, but wants many outputs to sum u over.
"""

from numba import cuda

from .products import product_of
from .simt import load, store
from .staging import stage_of_matrix, stage_of_rows

ARGUMENTS = "ssss" + "iiiiiiiii"


def make_first(kernel):
    """dx1, from x2: j is summed over, and W[k,i,j] is read along j."""
    return _make(kernel, turned=True)


def make_second(kernel):
    """dx2, from x1: i is summed over, and W[k,i,j] is read along j."""
    return _make(kernel, turned=False)


def _make(kernel, turned):
    """A block of ``tile.threads`` threads for every tile of rows and of the gradient's columns."""
    real, lanes, (rows, columns, depth, high, wide) = kernel.real, kernel.lanes, kernel.tile
    pitch_a, pitch_b = kernel.pitches
    size_a, size_b = depth * pitch_a, depth * pitch_b
    zero = real(0)
    place, row_of, column_of, clear, multiply, size_left, size_right = product_of(kernel, scaled=True)
    stage_rows = stage_of_rows(kernel, scaled=True)
    stage_matrix = stage_of_matrix(kernel)
    stage_turned = stage_of_rows(kernel, width=columns, pitch=pitch_b)

    def side(g, weight, x, dx, count, inner, size, outs, across, accumulate, step, g_b, g_k):
        a = cuda.shared.array(size_a, real, alignment=16)
        b_ = cuda.shared.array(size_b, real, alignment=16)
        sums = cuda.local.array((high, wide), real)
        left = cuda.local.array(size_left, real)
        right = cuda.local.array(size_right, real)
        held = cuda.local.array(lanes, real)
        t = cuda.threadIdx.x
        ty, tx = place(t)
        c0 = (cuda.blockIdx.x % across) * columns
        first = cuda.blockIdx.x // across * rows
        clear(sums, zero)
        for k in range(outs):
            matrix = k * inner * size
            for p0 in range(0, inner, depth):
                stage_rows(a, x, 0, x, first, count, inner, 1, p0, inner, g, k * g_k, g_b, held, t, zero)
                if turned:
                    stage_turned(b_, weight, matrix, x, c0, size, step, 1, p0, inner, g, 0, 0, held, t, zero)
                else:
                    stage_matrix(b_, weight, matrix + p0 * step + c0, step, inner - p0, size - c0, t, zero)
                cuda.syncthreads()
                multiply(a, b_, left, right, sums, ty, tx)
                cuda.syncthreads()
        for m in range(high):
            b = first + row_of(m, ty)
            if b < count:
                row = b * size
                for n in range(wide):
                    c = c0 + column_of(n, tx)
                    if c < size:
                        store(dx, row + c, sums[m, n] + load(dx, row + c) if accumulate else sums[m, n])

    return side
