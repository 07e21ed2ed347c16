"""A thread for every element of every result: for problems so small that a launch takes longer than their sums.

No shared memory and no barrier; sums run in the order of the loops. Backward is one launch for all gradients.
"""

from numba import cuda

from .simt import fma, load, store

ARGUMENTS = "sssss" + "iiiiiii"
BACKWARD_ARGUMENTS = "ssss" + "ssss" + "iiiiiiiiiii"


def make(kernel):
    """y[b,k] = sum_i x1[b,i] sum_j W[k,i,j] x2[b,j] + bias[k]."""
    threads, zero = kernel.tile.threads, kernel.real(0)

    def elements(x1, weight, x2, bias, y, count, in1, in2, outs, with_bias, y_b, y_k):
        n = cuda.blockIdx.x * threads + cuda.threadIdx.x
        if n < count * outs:
            b = n // outs
            k = n % outs
            total = load(bias, k) if with_bias else zero
            for i in range(in1):
                inner = zero
                for j in range(in2):
                    inner = fma(load(weight, (k * in1 + i) * in2 + j), load(x2, b * in2 + j), inner)
                total = fma(load(x1, b * in1 + i), inner, total)
            store(y, b * y_b + k * y_k, total)

    return elements


def make_backward(kernel):
    """dx1 to element ``end1`` of all, dx2 to ``end2``, dW to ``end3``, dbias to ``end4``."""
    threads, zero = kernel.tile.threads, kernel.real(0)

    def elements(
        g, x1, x2, weight, dx1, dx2, dw, db, count, in1, in2, outs, end1, end2, end3, end4, accumulate, g_b, g_k
    ):
        n = cuda.blockIdx.x * threads + cuda.threadIdx.x
        total = zero
        if n < end1:
            b = n // in1
            i = n % in1
            for k in range(outs):
                inner = zero
                for j in range(in2):
                    inner = fma(load(weight, (k * in1 + i) * in2 + j), load(x2, b * in2 + j), inner)
                total = fma(load(g, b * g_b + k * g_k), inner, total)
            store(dx1, n, total + load(dx1, n) if accumulate else total)
        elif n < end2:
            m = n - end1
            b = m // in2
            j = m % in2
            for k in range(outs):
                inner = zero
                for i in range(in1):
                    inner = fma(load(weight, (k * in1 + i) * in2 + j), load(x1, b * in1 + i), inner)
                total = fma(load(g, b * g_b + k * g_k), inner, total)
            store(dx2, m, total + load(dx2, m) if accumulate else total)
        elif n < end3:
            m = n - end2
            j = m % in2
            i = m // in2 % in1
            k = m // in2 // in1
            for b in range(count):
                total = fma(load(g, b * g_b + k * g_k) * load(x1, b * in1 + i), load(x2, b * in2 + j), total)
            store(dw, m, total + load(dw, m) if accumulate else total)
        elif n < end4:
            m = n - end3
            for b in range(count):
                total += load(g, b * g_b + m * g_k)
            store(db, m, total + load(db, m) if accumulate else total)

    return elements
