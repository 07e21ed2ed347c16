"""y[b,k] = sum_j t[b,j] x2[b,j] + bias[k] with t[b,j] = sum_i x1[b,i] W[k,i,j], which never leaves registers.

A block owns some rows of one output: it goes through the tiles of j, and for each through those of i.
"""

from numba import cuda

from .products import product_of
from .simt import fma, load, store
from .staging import row_of_order, segment_of, stage_of_matrix, stage_of_rows

ARGUMENTS = "sssss" + "pp" + "iiiiiiii"


def make(kernel):
    """Return the kernel; a block of ``tile.threads`` threads for every tile of rows and every output."""
    real, lanes, threads, (rows, columns, depth, high, wide) = (
        kernel.real,
        kernel.lanes,
        kernel.tile.threads,
        kernel.tile,
    )
    pitch_a, pitch_b = kernel.pitches
    across = columns // wide
    size_a, size_b, size_sum = depth * pitch_a, depth * pitch_b, across * rows
    zero = real(0)
    place, row_of, column_of, clear, multiply, size_left, size_right = product_of(kernel)
    stage_rows, stage_matrix = stage_of_rows(kernel), stage_of_matrix(kernel)
    row_at, segment = row_of_order(kernel), segment_of(kernel)

    def forward(x1, weight, x2, bias, y, order, segments, count, in1, in2, outs, tiles, with_bias, y_b, y_k):
        a = cuda.shared.array(size_a, real, alignment=16)
        b_ = cuda.shared.array(size_b, real, alignment=16)
        partial = cuda.shared.array(size_sum, real, alignment=16)
        sums = cuda.local.array((high, wide), real)
        total = cuda.local.array(high, real)
        left = cuda.local.array(size_left, real)
        right = cuda.local.array(size_right, real)
        held = cuda.local.array(lanes, real)
        t = cuda.threadIdx.x
        ty, tx = place(t)
        k = cuda.blockIdx.x // tiles
        which, first, stop = segment(segments, cuda.blockIdx.x % tiles, tiles, count)
        if first >= stop:
            return
        matrix = (which * outs + k) * in1 * in2
        for m in range(high):
            total[m] = zero
        for j0 in range(0, in2, columns):
            clear(sums, zero)
            for i0 in range(0, in1, depth):
                stage_rows(a, x1, 0, order, first, stop, in1, 1, i0, in1, x1, 0, 0, held, t, zero)
                stage_matrix(b_, weight, matrix + i0 * in2 + j0, in2, in1 - i0, in2 - j0, t, zero)
                cuda.syncthreads()
                multiply(a, b_, left, right, sums, ty, tx)
                cuda.syncthreads()
            for m in range(high):
                b = first + row_of(m, ty)
                if b < stop:
                    row = row_at(order, b) * in2
                    for n in range(wide):
                        j = j0 + column_of(n, tx)
                        if j < in2:
                            total[m] = fma(sums[m, n], load(x2, row + j), total[m])
        for m in range(high):
            partial[tx * rows + row_of(m, ty)] = total[m]
        cuda.syncthreads()
        for r in range(t, rows, threads):
            result = load(bias, which * outs + k) if with_bias else zero
            for x in range(across):
                result += partial[x * rows + r]
            if first + r < stop:
                store(y, row_at(order, first + r) * y_b + k * y_k, result)

    return forward
