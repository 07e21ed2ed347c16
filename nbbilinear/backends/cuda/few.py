"""Few rows: every element of the weight is read once, for all rows, which is what takes the time.

Thread (ty, tx) of a block has ``wide`` columns j for each of all ``high`` rows b in registers. The sum over a block
is made in halves, in a fixed order.
"""

from numba import cuda

from .simt import device, fma, load, read4, store

ARGUMENTS = "sssss" + "iiiiiiiii"
INPUTS_ARGUMENTS = "ssssss" + "iiiiiiiii"


def _words(kernel):
    """Words that read four elements of a matrix, and that add up what the threads of a block have for every row."""
    (_, _, _, high, _), threads, vector = kernel.tile, kernel.tile.threads, kernel.vector

    @device
    def read(held, weight, at, j, size, zero):
        if vector and j < size:
            read4(held, 0, weight, at)
        else:
            for e in range(4):
                held[e] = load(weight, at + e) if j + e < size else zero

    @device
    def add_up(partial, total, t):
        for b in range(high):
            partial[b * threads + t] = total[b]
        cuda.syncthreads()
        half = threads // 2
        while half > 0:
            if t < half:
                for b in range(high):
                    partial[b * threads + t] += partial[b * threads + t + half]
            cuda.syncthreads()
            half //= 2

    return read, add_up


def make(kernel):
    """target[part, b, k] = sum_j (sum_i x1[b,i] W[k,i,j]) x2[b,j] over a part of i; the first has the bias too."""
    real, threads, (_, columns, _, high, wide) = kernel.real, kernel.tile.threads, kernel.tile
    across, size, zero = columns // wide, high * threads, real(0)
    down = threads // across
    read, add_up = _words(kernel)

    def few(x1, weight, x2, bias, target, count, in1, in2, outs, parts, with_bias, y_p, y_b, y_k):
        partial = cuda.shared.array(size, real, alignment=16)
        sums = cuda.local.array((high, wide), real)
        total = cuda.local.array(high, real)
        held = cuda.local.array(wide, real)
        t = cuda.threadIdx.x
        k = cuda.blockIdx.x % outs
        part = cuda.blockIdx.x // outs
        length = (in1 + parts - 1) // parts
        begin = part * length
        stop = min(in1, begin + length)
        for b in range(high):
            total[b] = zero
        for j0 in range(0, in2, columns):
            j = j0 + t % across * wide
            for b in range(high):
                for e in range(wide):
                    sums[b, e] = zero
            for i in range(begin + t // across, stop, down):
                read(held, weight, (k * in1 + i) * in2 + j, j, in2, zero)
                for b in range(high):
                    own = load(x1, b * in1 + i) if b < count else zero
                    for e in range(wide):
                        sums[b, e] = fma(own, held[e], sums[b, e])
            for b in range(high):
                if b < count:
                    for e in range(wide):
                        if j + e < in2:
                            total[b] = fma(sums[b, e], load(x2, b * in2 + j + e), total[b])
        add_up(partial, total, t)
        if t < count:
            result = load(bias, k) if with_bias and part == 0 else zero
            store(target, part * y_p + t * y_b + k * y_k, result + partial[t * threads])

    return few


def make_inputs(kernel):
    """With u[b,j] = sum_k g[b,k] W[k,i,j] of an i: dx1[b,i] = sum_j u x2[b,j], target[part, b, j] = sum_i u x1[b,i].

    A block has a part of i; what the parts add up to is dx2.
    """
    real, threads, (_, columns, _, high, wide) = kernel.real, kernel.tile.threads, kernel.tile
    across, size, zero = columns // wide, high * threads, real(0)
    down = threads // across
    read, add_up = _words(kernel)

    def inputs(g, weight, x1, x2, dx1, target, count, in1, in2, outs, parts, with_dx1, accumulate, g_b, g_k):
        partial = cuda.shared.array(size, real, alignment=16)
        sums = cuda.local.array((high, wide), real)
        second = cuda.local.array((high, wide), real)
        total = cuda.local.array(high, real)
        held = cuda.local.array(wide, real)
        t = cuda.threadIdx.x
        tx = t % across
        part = cuda.blockIdx.x
        length = (in1 + parts - 1) // parts
        begin = part * length
        for j0 in range(0, in2, columns):
            j = j0 + tx * wide
            for b in range(high):
                for e in range(wide):
                    second[b, e] = zero
            for i in range(begin, min(in1, begin + length)):
                for b in range(high):
                    total[b] = zero
                    for e in range(wide):
                        sums[b, e] = zero
                for k in range(t // across, outs, down):
                    read(held, weight, (k * in1 + i) * in2 + j, j, in2, zero)
                    for b in range(high):
                        factor = load(g, b * g_b + k * g_k) if b < count else zero
                        for e in range(wide):
                            sums[b, e] = fma(factor, held[e], sums[b, e])
                for b in range(high):
                    if b < count:
                        own = load(x1, b * in1 + i)
                        for e in range(wide):
                            second[b, e] = fma(sums[b, e], own, second[b, e])
                            if j + e < in2:
                                total[b] = fma(sums[b, e], load(x2, b * in2 + j + e), total[b])
                add_up(partial, total, t)
                if with_dx1 and t < count:
                    at = t * in1 + i
                    before = load(dx1, at) if accumulate or j0 > 0 else zero
                    store(dx1, at, partial[t * threads] + before)
                cuda.syncthreads()
            for b in range(high):
                for e in range(wide):
                    partial[e * threads + t] = second[b, e]
                cuda.syncthreads()
                if t < across and b < count:
                    for e in range(wide):
                        if j + e < in2:
                            whole = zero
                            for y in range(down):
                                whole += partial[e * threads + y * across + tx]
                            store(target, (part * count + b) * in2 + j + e, whole)
                cuda.syncthreads()

    return inputs
