"""The definition, in the array library's own einsum; readable, slow, and right by inspection.

``xp`` is the array module: NumPy, or CuPy. Rows that use one weight are computed together.
"""

from collections.abc import Callable
from typing import Any

from ..problem import Problem
from .contract import KernelSet, Speed, Work
from .costs import no_workspace
from .grouping import groups

Array = Any


def forward_rows(xp: Any, x1: Array, x2: Array, weight: Array, bias: Array, which: Array, out: Array, _: Array) -> None:
    """out[b,k] = sum_ij x1[b,i] W[k,i,j] x2[b,j] + bias[k]."""
    for b, w in groups(xp, which, len(x2)):
        out[b] = xp.einsum("bi,kij,bj->bk", x1[b], weight[w], x2[b])
        if bias is not None:
            out[b] += bias[w]


def backward_rows(
    xp: Any, grad_output: Array, x1: Array, x2: Array, weight: Array, which: Array,
    dx1: Array, dx2: Array, dweight: Array, dbias: Array, _: Array, accumulate: bool,
) -> None:  # fmt: skip
    """The three other faces of sum_bkij g[b,k] x1[b,i] W[k,i,j] x2[b,j], and the sum of g."""
    _clear(accumulate, dx1, dx2, dweight, dbias)
    for b, w in groups(xp, which, len(x2)):
        g = grad_output[b]
        if dx1 is not None:
            dx1[b] += xp.einsum("bk,kij,bj->bi", g, weight[w], x2[b])
        if dx2 is not None:
            dx2[b] += xp.einsum("bk,kij,bi->bj", g, weight[w], x1[b])
        if dweight is not None:
            dweight[w] += xp.einsum("bk,bi,bj->kij", g, x1[b], x2[b])
        if dbias is not None:
            dbias[w] += xp.einsum("bk->k", g)


def forward_pairs(
    xp: Any, x1: Array, x2: Array, weight: Array, bias: Array, which: Array, out: Array, _: Array
) -> None:
    """out[s,n,m,k] = sum_ij x1[s,n,i] W[k,i,j] x2[s,m,j] + bias[k]."""
    rows2 = x2.shape[1]
    for s in range(len(x2)):
        for m, w in groups(xp, which, rows2, first=s * rows2):
            out[s][:, m] = xp.einsum("ni,kij,mj->nmk", x1[s], weight[w], x2[s][m])
            if bias is not None:
                out[s][:, m] += bias[w]


def backward_pairs(
    xp: Any, grad_output: Array, x1: Array, x2: Array, weight: Array, which: Array,
    dx1: Array, dx2: Array, dweight: Array, dbias: Array, _: Array, accumulate: bool,
) -> None:  # fmt: skip
    """The three other faces of sum_snmkij g[s,n,m,k] x1[s,n,i] W[k,i,j] x2[s,m,j], and the sum of g."""
    _clear(accumulate, dx1, dx2, dweight, dbias)
    rows2 = x2.shape[1]
    for s in range(len(x2)):
        for m, w in groups(xp, which, rows2, first=s * rows2):
            g = grad_output[s][:, m]
            if dx1 is not None:
                dx1[s] += xp.einsum("nmk,kij,mj->ni", g, weight[w], x2[s][m])
            if dx2 is not None:
                dx2[s][m] += xp.einsum("nmk,kij,ni->mj", g, weight[w], x1[s])
            if dweight is not None:
                dweight[w] += xp.einsum("nmk,ni,mj->kij", g, x1[s], x2[s][m])
            if dbias is not None:
                dbias[w] += xp.einsum("nmk->k", g)


def _clear(accumulate: bool, *gradients: Array) -> None:
    for gradient in gradients:
        if gradient is not None and not accumulate:
            gradient[...] = 0


def _work(problem: Problem) -> Work:
    faces = len(set(problem.wrt) - {"bias"}) if problem.wrt else 1
    terms = problem.shared * problem.rows1 * problem.rows2 * problem.out_features * problem.in1 * problem.in2
    return Work(flop=3 * faces * terms, bytes=0, calls=faces * (problem.weights if problem.selected else 1))


def kernels(
    backend: str, bind: Callable[[Callable[..., None]], Callable[..., None]], speed: Speed
) -> tuple[KernelSet, ...]:
    """The definition as kernel sets of ``backend``; ``bind`` gives a function its array module."""
    return tuple(
        KernelSet(
            f"{backend}/einsum", structure, bind(forward), bind(backward), _work, no_workspace, speed,
            exchange=False, batch_invariant=False,
        )
        for structure, forward, backward in (
            ("rows", forward_rows, backward_rows),
            ("pairs", forward_pairs, backward_pairs),
        )
    )  # fmt: skip
