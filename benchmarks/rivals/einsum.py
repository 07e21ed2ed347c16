"""np.einsum with its own search for an order, for every structure; gradients by four more einsums."""

from functools import partial

import numpy as np

from .subscripts import CHANNELS_SECOND, SUBSCRIPTS


def prepare(form, operands, grad_output):
    """Forward, and forward with backward."""
    letters = SUBSCRIPTS[form]
    einsums = [partial(np.einsum, subscripts, optimize=True) for subscripts in (letters.forward, *letters.backward)]
    return calls(letters, einsums, operands, grad_output)


def calls(letters, einsums, operands, grad_output):
    """The two calls, for ``einsums`` of y, of x1, of x2 and of weight."""
    x1 = operands["x" if "x" in operands else "x1"]
    x2 = operands["x" if "x" in operands else "x2"]
    weight, bias, index = operands["weight"], operands.get("bias"), operands.get("index")
    moved = letters.y in CHANNELS_SECOND
    sum_y, *sum_gradients = einsums

    def forward():
        y = sum_y(x1, weight if index is None else weight[index], x2)
        if moved:
            y = np.moveaxis(y, 1, -1)
        return y if bias is None else y + bias

    def backward():
        g = np.moveaxis(grad_output, -1, 1) if moved else grad_output
        chosen = weight if index is None else weight[index]
        others = (chosen, x2), (chosen, x1), (x1, x2)
        dx1, dx2, dw = (gradient(g, *pair) for gradient, pair in zip(sum_gradients, others, strict=True))
        if index is not None:
            found = np.zeros_like(weight)
            np.add.at(found, index, dw)
            return dx1, dx2, found
        db = grad_output.sum(axis=tuple(range(grad_output.ndim - 1)))
        return (dx1 + dx2, dw, db) if "x" in operands else (dx1, dx2, dw, db)

    return forward, lambda: (forward(), *backward())
