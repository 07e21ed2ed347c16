"""Adding a matrix product to an array, in slabs, since array libraries' matmul only overwrites."""

from typing import Any

from ..costs import WORKSPACE_BYTES
from ..grouping import groups

Array = Any


def matmul_into(xp: Any, left: Array, right: Array, target: Array, add: bool) -> None:
    """Target = left @ right, or target += left @ right with a temporary of at most the workspace's size."""
    if not add:
        xp.matmul(left, right, out=target)
        return
    slab = max(1, WORKSPACE_BYTES * target.shape[-2] // (target.size * target.dtype.itemsize))
    for start in range(0, target.shape[-2], slab):
        rows = slice(start, start + slab)
        target[..., rows, :] += xp.matmul(left[..., rows, :], right)


def bias_gradient(xp: Any, grad_output: Array, dbias: Array, which: Array | None, add: bool) -> None:
    """dbias[w] = sum of the rows of ``grad_output`` (rows, out) that use weight w."""
    if not add:
        dbias[...] = 0
    for b, w in groups(xp, which, len(grad_output)):
        dbias[w] += grad_output[b].sum(axis=0)
