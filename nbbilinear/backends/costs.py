"""Counts that kernels have in common: blocks, workspace, flop."""

from ..problem import Problem
from .contract import Work

WORKSPACE_BYTES = 4 << 20  # intermediates stay in the second-level cache; larger blocks measured no faster
TALL = 256  # rows from which on a product runs at full speed; with fewer in a block, outputs are split first


def block_rows(problem: Problem, elements_per_row: int, rows: int, budget: int | None = None) -> int:
    """How many rows of an intermediate fit into a workspace of ``budget`` bytes, or the usual; at least one."""
    return max(1, min(rows, (budget or WORKSPACE_BYTES) // problem.dtype.itemsize // max(1, elements_per_row)))


def weight_bytes(problem: Problem) -> int:
    """Bytes of the weights that a pass over all rows reads."""
    used = min(problem.weights, problem.shared * problem.rows2)
    return used * problem.out_features * problem.in1 * problem.in2 * problem.dtype.itemsize


def no_workspace(problem: Problem) -> int:  # noqa: ARG001
    """The workspace of kernels that need none."""
    return 0


def pairs_workspace(problem: Problem, budget: int | None = None) -> int:
    """Elements of t[m,k,i], the rows of x2 mapped through the weight, for one block of them."""
    per_row = problem.out_features * problem.in1
    return per_row * block_rows(problem, per_row, problem.shared * problem.rows2, budget)


def pair_groups(problem: Problem) -> int:
    """Groups of rows of x2 with a weight of their own, which pairs map one by one; 0 where there is one weight."""
    return min(problem.weights, problem.shared * problem.rows2) if problem.selected else 0


def pairs_work(problem: Problem) -> Work:
    """All pairs by way of t: one small and one large product, counted as two calls.

    Backward the same again for dx1; for dx2 and dW one large product together and a small one each.
    """
    rows2, per_row = problem.shared * problem.rows2, problem.out_features * problem.in1
    small, large = 2 * rows2 * per_row * problem.in2, 2 * problem.rows1 * rows2 * per_row
    first = not problem.wrt or "x1" in problem.wrt
    seconds = ("x2" in problem.wrt) + ("weight" in problem.wrt)
    passes = first + bool(seconds)
    return Work((first + seconds) * small + passes * large, bytes=0, calls=2 * passes)
