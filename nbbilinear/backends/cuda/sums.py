"""Sums in a fixed order: over the slices that other kernels leave, and dbias[k] = sum_b g[b,k] itself."""

from numba import cuda

from .simt import load, store
from .staging import row_of_order

SLICES_ARGUMENTS = "rs" + "iiiiii"
BIAS_ARGUMENTS = "ss" + "pp" + "iiiiii"
BIAS_PARTS_ARGUMENTS = "sr" + "pp" + "iiiiii"


def make_slices(kernel):
    """target[n // width, n % width] = sum_s parts[s, n], or that added to it; a thread for every n."""
    threads, zero = kernel.tile.threads, kernel.real(0)

    def slices(parts, target, count, length, width, down, across, accumulate):
        n = cuda.blockIdx.x * threads + cuda.threadIdx.x
        if n < length:
            total = zero
            for s in range(count):
                total += load(parts, s * length + n)
            at = n // width * down + n % width * across
            store(target, at, total + load(target, at) if accumulate else total)

    return slices


def make_bias(kernel):
    """target[slice, k] = sum of g[b,k] over the slice's rows; a block for every slice and tile of columns.

    A thread sums every ``rows``-th row of a column; what they find is added up in the order of the threads.
    """
    (rows, columns, _, _, _), real, segmented = kernel.tile, kernel.real, kernel.segmented
    zero, size, row_at = real(0), rows * columns, row_of_order(kernel)

    def bias(g, target, order, starts, count, outs, slices, accumulate, g_b, g_k):
        partial = cuda.shared.array(size, real, alignment=16)
        t = cuda.threadIdx.x
        tiles = (outs + columns - 1) // columns
        k = (cuda.blockIdx.x % tiles) * columns + t % columns
        part = cuda.blockIdx.x // tiles
        length = (count + slices - 1) // slices
        begin = part * length
        stop = min(count, begin + length)
        if segmented:
            begin = load(starts, part)
            stop = load(starts, part + 1)
        total = zero
        if k < outs:
            for b in range(begin + t // columns, stop, rows):
                total += load(g, row_at(order, b) * g_b + k * g_k)
        partial[t] = total
        cuda.syncthreads()
        if t < columns and k < outs:
            total = zero
            for r in range(rows):
                total += partial[r * columns + t]
            at = part * outs + k
            store(target, at, total + load(target, at) if accumulate else total)

    return bias
