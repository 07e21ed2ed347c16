"""dx1[b,i] = sum_j u[b,j] x2[b,j] and dx2[b,j] = sum_i u[b,j] x1[b,i], with u[b,j] = sum_k g[b,k] W[k,i,j].

No u leaves its registers. A block owns some rows of both gradients: it goes through the tiles of j, in each through i,
and for each i through the tiles of k. dx2 of a tile stays in registers; dx1 is added to tile after tile, by one thread.
"""

from numba import cuda

from .products import product_of
from .simt import fma, load, store
from .staging import row_of_order, segment_of, stage_of_matrix, stage_of_rows

ARGUMENTS = "ssssss" + "pp" + "iiiiiiiiiii"
PARTS_ARGUMENTS = "ssssrs" + "pp" + "iiiiiiiiiii"  # dx1 is added to tile by tile: not in half floats


def make(kernel):
    """Return the kernel; a block of ``tile.threads`` threads for every tile of rows."""
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
    stage_rows, stage_matrix = stage_of_rows(kernel._replace(vector=False)), stage_of_matrix(kernel)
    row_at, segment = row_of_order(kernel), segment_of(kernel)

    def inputs(
        g, weight, x1, x2, dx1, dx2, order, segments,
        count, in1, in2, outs, tiles, with_dx1, with_dx2, add_dx1, add_dx2, g_b, g_k,
    ):  # fmt: skip
        a = cuda.shared.array(size_a, real, alignment=16)
        b_ = cuda.shared.array(size_b, real, alignment=16)
        partial = cuda.shared.array(size_sum, real, alignment=16)
        sums = cuda.local.array((high, wide), real)
        second = cuda.local.array((high, wide), real)
        factor = cuda.local.array((high, wide), real)
        left = cuda.local.array(size_left, real)
        right = cuda.local.array(size_right, real)
        held = cuda.local.array(lanes, real)
        t = cuda.threadIdx.x
        ty, tx = place(t)
        which, first, stop = segment(segments, cuda.blockIdx.x, tiles, count)
        if first >= stop:
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
                    stage_rows(a, g, 0, order, first, stop, g_b, g_k, k0, outs, g, 0, 0, held, t, zero)
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
                        store(dx1, at, total + load(dx1, at) if add_dx1 or j0 > 0 else total)
            for m in range(high):
                b = first + row_of(m, ty)
                if with_dx2 and b < stop:
                    row = row_at(order, b) * in2
                    for n in range(wide):
                        j = j0 + column_of(n, tx)
                        if j < in2:
                            store(dx2, row + j, second[m, n] + load(dx2, row + j) if add_dx2 else second[m, n])

    return inputs
