"""Loops in Numba as one writes them: rows in parallel, the contiguous axis innermost, no fastmath."""

import numba as nb
import numpy as np

_compile = nb.njit(parallel=True)


@_compile
def rows_forward(x1, x2, weight, bias):
    """A thread owns y[b]. t = x1 W[k] is a sum of rows, which compiles to vectors; a sum over j would not."""
    y = np.empty((x1.shape[0], weight.shape[0]), x1.dtype)
    for b in nb.prange(x1.shape[0]):
        t = np.empty_like(x2[b])
        for k in range(weight.shape[0]):
            t[:] = 0
            for i in range(x1.shape[1]):
                for j in range(x2.shape[1]):
                    t[j] += x1[b, i] * weight[k, i, j]
            total = bias[k]
            for j in range(x2.shape[1]):
                total += t[j] * x2[b, j]
            y[b, k] = total
    return y


@_compile
def rows_backward(grad_output, x1, x2, weight):
    """A thread owns dx1[b] and dx2[b]; then one owns dweight[k] and dbias[k]."""
    dx1, dx2, dweight = np.zeros_like(x1), np.zeros_like(x2), np.zeros_like(weight)
    dbias = np.zeros_like(grad_output[0])
    for b in nb.prange(x1.shape[0]):
        u = np.empty_like(x2[b])
        for i in range(x1.shape[1]):
            u[:] = 0
            for k in range(weight.shape[0]):
                for j in range(x2.shape[1]):
                    u[j] += grad_output[b, k] * weight[k, i, j]
            for j in range(x2.shape[1]):
                dx1[b, i] += u[j] * x2[b, j]
                dx2[b, j] += u[j] * x1[b, i]
    for k in nb.prange(weight.shape[0]):
        for b in range(x1.shape[0]):
            dbias[k] += grad_output[b, k]
            for i in range(x1.shape[1]):
                scale = grad_output[b, k] * x1[b, i]
                for j in range(x2.shape[1]):
                    dweight[k, i, j] += scale * x2[b, j]
    return dx1, dx2, dweight, dbias


def prepare(form, operands, grad_output):
    """Forward, and forward with backward, compiled for the dtype at hand."""
    functions = {"rows": (rows_forward, rows_backward)}
    forward, backward = functions[form]
    arrays = tuple(operands.values())
    differentiated = (grad_output, *arrays[:3])
    forward.compile(tuple(map(nb.typeof, arrays)))
    backward.compile(tuple(map(nb.typeof, differentiated)))
    return lambda: forward(*arrays), lambda: (forward(*arrays), *backward(*differentiated))
