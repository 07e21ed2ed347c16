"""The same product by others, on the same memory: makers of a forward call and of a forward and backward one.

A rival that has no such dtype or precision raises NotImplementedError.
"""

import cupy

_TORCH = {"float32": "highest", "tf32": "high"}
_JAX = {"float32": "highest", "tf32": "TF32_TF32_F32", "tf32x3": "TF32_TF32_F32_X3"}


def torch(way, x1, x2, weight, bias, g):
    """torch.nn.functional.bilinear, and its autograd."""
    import torch as t

    if way.precision not in _TORCH:
        raise NotImplementedError(f"no {way.precision}")
    t.set_float32_matmul_precision(_TORCH[way.precision])
    leaves = [t.from_dlpack(a).detach().requires_grad_() for a in (x1, x2, weight, bias)]
    seed, stream = t.from_dlpack(g), t.cuda.ExternalStream(cupy.cuda.get_current_stream().ptr)

    def forward():
        with t.cuda.stream(stream), t.no_grad():
            return t.nn.functional.bilinear(*leaves)

    def both():
        with t.cuda.stream(stream):
            return t.autograd.grad(t.nn.functional.bilinear(*leaves), leaves, seed)

    return forward, both


def jax(way, x1, x2, weight, bias, g):
    """jax.numpy.einsum, compiled; timed by the host, since its stream is its own."""
    import jax as j

    if way.dtype == "float64":
        j.config.update("jax_enable_x64", True)
    operands = [j.numpy.from_dlpack(a) for a in (x1, x2, weight, bias)]
    seed = j.numpy.from_dlpack(g)

    def product(x1, x2, weight, bias):
        return j.numpy.einsum("bi,kij,bj->bk", x1, weight, x2, precision=_JAX[way.precision]) + bias

    compiled = j.jit(product)
    pulled = j.jit(lambda *operands: j.vjp(product, *operands)[1](seed))
    forward, both = (lambda: j.block_until_ready(compiled(*operands))), (lambda: j.block_until_ready(pulled(*operands)))
    forward.by_host = both.by_host = True
    return forward, both


def cupy_einsum(way, x1, x2, weight, bias, g):
    """cupy.einsum, and its gradients one by one."""
    if way.precision != "float32":
        raise NotImplementedError(f"no {way.precision}")

    def forward():
        return cupy.einsum("bi,kij,bj->bk", x1, weight, x2) + bias

    def both():
        y = forward()
        return (
            y,
            cupy.einsum("bk,kij,bj->bi", g, weight, x2),
            cupy.einsum("bk,kij,bi->bj", g, weight, x1),
            cupy.einsum("bk,bi,bj->kij", g, x1, x2),
            g.sum(0),
        )

    return forward, both


RIVALS = {"torch": torch, "jax": jax, "cupy.einsum": cupy_einsum}
