"""y[b,k] = sum_j t[b,j] x2[b,j] + bias[k] with t[b,j] = sum_i x1[b,i] W[k,i,j], which never leaves registers.

A block owns some rows of one output: it goes through the tiles of j, and for each through those of i.
"""

from numba import cuda

from .simt import fma, load
from .tiles import PAD, REALS, row_of_order, stage_of_matrix, stage_of_rows, sums_of

ARGUMENTS = "rrrrr" + "pp" + "iiiiiiii"


def make(kernel):
    """Return the kernel; a block of ``tile.threads`` threads for every tile of rows and every output."""
    tile, real, segmented = kernel.tile, REALS[kernel.real], kernel.segmented
    rows, columns, depth, high, wide = tile
    across, threads, lanes = columns // wide, tile.threads, kernel.lanes
    size_a, size_b, size_sum = depth * (rows + PAD), depth * columns, across * rows
    zero = real(0)
    row_of, column_of, clear, multiply = sums_of(tile)
    stage_rows, stage_matrix, row_at = stage_of_rows(kernel), stage_of_matrix(kernel), row_of_order(kernel)

    def forward(x1, weight, x2, bias, y, order, segments, count, in1, in2, outs, tiles, with_bias, y_b, y_k):
        a = cuda.shared.array(size_a, real, alignment=16)
        b_ = cuda.shared.array(size_b, real, alignment=16)
        partial = cuda.shared.array(size_sum, real, alignment=16)
        sums = cuda.local.array((high, wide), real)
        total = cuda.local.array(high, real)
        left = cuda.local.array(high, real)
        right = cuda.local.array(wide, real)
        held = cuda.local.array(lanes, real)
        t = cuda.threadIdx.x
        tx = t % across
        ty = t // across
        tile_number = cuda.blockIdx.x % tiles
        k = cuda.blockIdx.x // tiles
        which = 0
        first = tile_number * rows
        stop = count
        if segmented:
            which = load(segments, tile_number)
            first = load(segments, tiles + tile_number)
            stop = load(segments, 2 * tiles + tile_number)
            if first >= stop:  # the table has room for more tiles than there may be
                return
        matrix = (which * outs + k) * in1 * in2
        for m in range(high):
            total[m] = zero
        for j0 in range(0, in2, columns):
            clear(sums, zero)
            for i0 in range(0, in1, depth):
                stage_rows(a, x1, order, first, stop, in1, 1, i0, in1, held, t, zero)
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
                y[row_at(order, first + r) * y_b + k * y_k] = result

    return forward
