"""dW[k,i,j] = sum_b g[b,k] x1[b,i] x2[b,j], the sum over b in slices, or over the rows of each weight.

A block owns a tile of one output's matrix for one slice, in ``target[slice, k, i, j]``. What the slices add up to is
another kernel's: their order is fixed, so the bits are too.
"""

from numba import cuda

from .products import product_of
from .simt import load, store
from .staging import stage_of_terms

ARGUMENTS = "ssss" + "pp" + "iiiiiiii"
PARTS_ARGUMENTS = "sssr" + "pp" + "iiiiiiii"


def make(kernel):
    """Return the kernel; a block of ``tile.threads`` threads for every slice, output, and tile of i and j."""
    real, lanes, segmented, (rows, columns, depth, high, wide) = (
        kernel.real,
        kernel.lanes,
        kernel.segmented,
        kernel.tile,
    )
    pitch_a, pitch_b = kernel.pitches
    size_a, size_b = depth * pitch_a, depth * pitch_b
    zero = real(0)
    place, row_of, column_of, clear, multiply, size_left, size_right = product_of(kernel, scaled=True)
    stage_first = stage_of_terms(kernel, rows, pitch_a, scaled=True)
    stage_second = stage_of_terms(kernel, columns, pitch_b, scaled=False)

    def weights(g, x1, x2, target, order, starts, count, in1, in2, outs, slices, accumulate, g_b, g_k):
        a = cuda.shared.array(size_a, real, alignment=16)
        b_ = cuda.shared.array(size_b, real, alignment=16)
        sums = cuda.local.array((high, wide), real)
        left = cuda.local.array(size_left, real)
        right = cuda.local.array(size_right, real)
        held = cuda.local.array(lanes, real)
        t = cuda.threadIdx.x
        ty, tx = place(t)
        tiles_j = (in2 + columns - 1) // columns
        tiles_i = (in1 + rows - 1) // rows
        j0 = (cuda.blockIdx.x % tiles_j) * columns
        rest = cuda.blockIdx.x // tiles_j
        i0 = (rest % tiles_i) * rows
        rest //= tiles_i
        k = rest % outs
        part = rest // outs
        length = ((count + slices - 1) // slices + depth - 1) // depth * depth
        begin = part * length
        stop = min(count, begin + length)
        if segmented:
            begin = load(starts, part)
            stop = load(starts, part + 1)
        clear(sums, zero)
        for b in range(begin, stop, depth):
            stage_first(a, x1, order, b, stop, in1, i0, g, k * g_k, g_b, held, t, zero)
            stage_second(b_, x2, order, b, stop, in2, j0, g, k * g_k, g_b, held, t, zero)
            cuda.syncthreads()
            multiply(a, b_, left, right, sums, ty, tx)
            cuda.syncthreads()
        matrix = (part * outs + k) * in1 * in2
        for m in range(high):
            i = i0 + row_of(m, ty)
            for n in range(wide):
                j = j0 + column_of(n, tx)
                if i < in1 and j < in2:
                    at = matrix + i * in2 + j
                    store(target, at, sums[m, n] + load(target, at) if accumulate else sums[m, n])

    return weights
