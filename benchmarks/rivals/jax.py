"""JAX on the CPU: an einsum under jit, and its vjp under jit; compiled before the first call."""

import jax
import jax.numpy as jnp

from .subscripts import CHANNELS_SECOND, SUBSCRIPTS

jax.config.update("jax_enable_x64", True)  # else float64 operands become float32


def prepare(form, operands, grad_output):
    """Forward, and forward with backward."""
    letters = SUBSCRIPTS[form]
    arrays = {name: jnp.asarray(array) for name, array in operands.items()}
    index, grad_output = arrays.pop("index", None), jnp.asarray(grad_output)

    def product(floats, index):
        x1, x2 = (floats["x"], floats["x"]) if "x" in floats else (floats["x1"], floats["x2"])
        weight = floats["weight"] if index is None else floats["weight"][index]
        y = jnp.einsum(letters.forward, x1, weight, x2, optimize="optimal")
        if letters.y in CHANNELS_SECOND:
            y = jnp.moveaxis(y, 1, -1)
        return y + floats["bias"] if "bias" in floats else y

    def gradients(floats, index, g):
        y, pull = jax.vjp(lambda some: product(some, index), floats)
        return y, pull(g)[0]

    compiled = jax.jit(product).lower(arrays, index).compile()
    compiled_both = jax.jit(gradients).lower(arrays, index, grad_output).compile()

    def both():
        y, found = jax.block_until_ready(compiled_both(arrays, index, grad_output))
        return y, *(found[name] for name in arrays)

    return lambda: compiled(arrays, index).block_until_ready(), both
