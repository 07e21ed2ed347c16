"""dx1[b,i] = sum_j u[b,j] x2[b,j] and dx2[b,j] = sum_i u[b,j] x1[b,i], with u[b,j] = sum_k g[b,k] W[k,i,j].

No u leaves its registers. A block owns some rows of both gradients: it goes through the tiles of j, in each through i,
and for each i through the tiles of k. dx2 of a tile stays in registers; dx1 is added to tile after tile, by one thread.
"""

from numba import cuda

from .simt import fma, load
from .tiles import PAD, REALS, row_of_order, stage_of_matrix, stage_of_rows, sums_of

ARGUMENTS = "rrrrrr" + "pp" + "iiiiiiiiii"


def make(kernel):
    """Return the kernel; a block of ``tile.threads`` threads for every tile of rows."""
    tile, real, segmented = kernel.tile, REALS[kernel.real], kernel.segmented
    rows, columns, depth, high, wide = tile
    across, threads, lanes = columns // wide, tile.threads, kernel.lanes
    size_a, size_b, size_sum = depth * (rows + PAD), depth * columns, across * rows
    zero = real(0)
    row_of, column_of, clear, multiply = sums_of(tile)
    stage_rows, stage_matrix, row_at = (
        stage_of_rows(kernel._replace(vector=False)), stage_of_matrix(kernel), row_of_order(kernel)
    )  # fmt: skip

    def inputs(
        g, weight, x1, x2, dx1, dx2, order, segments,
        count, in1, in2, outs, tiles, with_dx1, with_dx2, accumulate, g_b, g_k,
    ):  # fmt: skip
        a = cuda.shared.array(size_a, real, alignment=16)
        b_ = cuda.shared.array(size_b, real, alignment=16)
        partial = cuda.shared.array(size_sum, real, alignment=16)
        sums = cuda.local.array((high, wide), real)
        second = cuda.local.array((high, wide), real)
        factor = cuda.local.array((high, wide), real)
        left = cuda.local.array(high, real)
        right = cuda.local.array(wide, real)
        held = cuda.local.array(lanes, real)
        t = cuda.threadIdx.x
        tx = t % across
        ty = t // across
        which = 0
        first = cuda.blockIdx.x * rows
        stop = count
        if segmented:
            which = load(segments, cuda.blockIdx.x)
            first = load(segments, tiles + cuda.blockIdx.x)
            stop = load(segments, 2 * tiles + cuda.blockIdx.x)
            if first >= stop:  # the table has room for more tiles than there may be
                return
        step = in1 * in2
        matrices = which * outs * step
        for j0 in range(0, in2, columns):
            clear(second, zero)
            clear(factor, zero)
            for m in range(high):
                b = first + row_of(m, ty)
                if b < stop:
                    row = row_at(order, b) * in2
                    for n in range(wide):
                        j = j0 + column_of(n, tx)
                        if j < in2:
                            factor[m, n] = load(x2, row + j)
            for i in range(in1):
                clear(sums, zero)
                for k0 in range(0, outs, depth):
                    stage_rows(a, g, order, first, stop, g_b, g_k, k0, outs, held, t, zero)
                    stage_matrix(b_, weight, matrices + k0 * step + i * in2 + j0, step, outs - k0, in2 - j0, t, zero)
                    cuda.syncthreads()
                    multiply(a, b_, left, right, sums, ty, tx)
                    cuda.syncthreads()
                for m in range(high):
                    b = first + row_of(m, ty)
                    own = zero
                    if b < stop:
                        own = load(x1, row_at(order, b) * in1 + i)
                    total = zero
                    for n in range(wide):
                        second[m, n] = fma(sums[m, n], own, second[m, n])
                        total = fma(sums[m, n], factor[m, n], total)
                    partial[tx * rows + row_of(m, ty)] = total
                cuda.syncthreads()
                for r in range(t, rows, threads):
                    total = zero
                    for x in range(across):
                        total += partial[x * rows + r]
                    if with_dx1 and first + r < stop:
                        at = row_at(order, first + r) * in1 + i
                        dx1[at] = total + dx1[at] if accumulate or j0 > 0 else total
            for m in range(high):
                b = first + row_of(m, ty)
                if with_dx2 and b < stop:
                    row = row_at(order, b) * in2
                    for n in range(wide):
                        j = j0 + column_of(n, tx)
                        if j < in2:
                            dx2[row + j] = second[m, n] + dx2[row + j] if accumulate else second[m, n]

    return inputs
