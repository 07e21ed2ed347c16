"""The chain rule of forms, written once: y = sum over terms of last(core(first(x1), second(x2))), in blocks of rows."""

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..backends.costs import WORKSPACE_BYTES
from .steps import Bound, Map, Term

Array = Any
Tape = list[Array]
Side = tuple[Array, Tape]
FEW = 16  # rows that are not worth a look at their widths: that takes a tenth of the smallest call


class Block(NamedTuple):
    """Rows of a term that fit into the workspace together, and what the maps made of them, where that is kept."""

    s: slice
    n: slice
    m: slice
    mapped: tuple[Side, Side] | None = None


Kept = Sequence[Sequence[Block]]  # the blocks of each term


def forward(terms: Sequence[Term], x1: Array, x2: Array, p: Bound, y: Array, keep: int | None = None) -> Kept:
    """Fill y (shared, n, m, out) from x1 (shared, n, in1) and x2 (shared, m, in2).

    With ``keep`` return the blocks for :func:`backward`, those that fit into so many bytes with their mapped rows.
    """
    kept: list[list[Block]] = []
    left = keep or 0
    for place, term in enumerate(terms):
        kept.append([])
        for block in _blocks(term, x1, x2, p, backward=keep is not None):
            s, n, m, _ = block
            mapped = sides(term, x1[s, n], x2[s, m], p)
            if keep is not None:
                fits = held(mapped) <= left
                left -= held(mapped) if fits else 0
                kept[-1].append(block._replace(mapped=mapped) if fits else block)
            (u, _), (v, _) = mapped
            for a, b in _tiles(term, u, v, p, y.shape[-1]):
                z, _ = _run_last(term, u[:, a], v[:, b], p.at(s, m).at(slice(None), b))
                target = y[s, n][:, a][:, :, m][:, :, b]
                if place:
                    target += z
                else:
                    target[...] = z
    return kept


def backward(
    terms: Sequence[Term], g: Array, x1: Array, x2: Array, p: Bound, dx1: Array | None, dx2: Array | None, *, add: bool,
    kept: Kept | None = None,
) -> None:  # fmt: skip
    """Fill the gradients of x1 and x2 that are given, or add to them; add to those of the parameters in ``p``.

    ``kept``: what :func:`forward` returned; it is read only.
    """
    for place, term in enumerate(terms):
        wanted = (dx1 is not None or _learns(term.first, p), dx2 is not None or _learns(term.second, p))
        for s, n, m, mapped in _blocks(term, x1, x2, p, backward=True) if kept is None else kept[place]:
            (u, tape1), (v, tape2) = mapped or sides(term, x1[s, n], x2[s, m], p)
            du, dv = _pull_core(term, g[s, n][:, :, m], u, v, p.at(s, m), wanted)
            add1, add2 = (add or place > 0 or bool(rows.start) for rows in (m, n))
            _pull_side(term.first, tape1, du, p, None if dx1 is None else dx1[s, n], add=add1)
            _pull_side(term.second, tape2, dv, p, None if dx2 is None else dx2[s, m], add=add2)


def sides(term: Term, x1: Array, x2: Array, p: Bound) -> tuple[Side, Side]:
    """Rows of both inputs mapped, and what each map was given."""
    return _run(term.first, x1, p), _run(term.second, x2, p)


def held(mapped: tuple[Side, Side]) -> int:
    """Bytes of mapped rows and of what lies between the maps, beside the inputs."""
    steps = (step for u, tape in mapped for step in pairwise((*tape, u)))
    return sum(after.nbytes for before, after in steps if not np.may_share_memory(before, after))


def _pull_core(
    term: Term, g: Array, u: Array, v: Array, p: Bound, wanted: tuple[bool, bool]
) -> tuple[Array | None, Array | None]:
    """The gradients of u and v; those of the core and of what follows it go to ``p``."""
    du: Array | None = None
    dv: Array | None = None
    tiles = list(_tiles(term, u, v, p, g.shape[-1]))
    for a, b in tiles:
        here = g[:, a][:, :, b]
        if term.last:
            _, tape = _run_last(term, u[:, a], v[:, b], p)
            dz: Array = _pull(term.last, tape, here.reshape(-1, here.shape[-1]), p, wanted=True)
            here = dz.reshape(*here.shape[:3], *tape[0].shape[1:])
        one, other = term.core.pull(here, u[:, a], v[:, b], p.at(slice(None), b), wanted)
        if len(tiles) == 1:
            return one, other
        du, dv = _into(du, u, a, one), _into(dv, v, b, other)
    return du, dv


def _into(total: Array | None, like: Array, rows: slice, part: Array | None) -> Array | None:
    """``total``, zeros like an array at first, with a part added to some of its rows."""
    if part is None:
        return total
    total = np.zeros_like(like) if total is None else total
    total[:, rows] += part
    return total


def _pull_side(maps: tuple[Map, ...], tape: Tape, g: Array | None, p: Bound, dx: Array | None, *, add: bool) -> None:
    """Back to x, whose gradient is filled or added to; ``g`` is None where the term has none of x."""
    found = None
    if g is not None:
        rows = None if dx is None or add or dx.dtype != g.dtype else dx.reshape(-1, dx.shape[-1])
        found = _pull(maps, tape, g.reshape(g.shape[0] * g.shape[1], *g.shape[2:]), p, wanted=dx is not None, out=rows)
    if dx is None or (found is None and add):
        return
    if found is None:
        dx[...] = 0
    elif add:
        np.add(dx, found.reshape(dx.shape), out=dx)
    elif not np.may_share_memory(found, dx):
        np.copyto(dx, found.reshape(dx.shape))


def _pull(
    maps: tuple[Map, ...], tape: Tape, g: Array, p: Bound, *, wanted: bool, out: Array | None = None
) -> Array | None:
    """Back through some maps; None where neither x's gradient is wanted nor that of a map before.

    The first map may leave x's gradient in ``out``: a copy less, a tenth of the gradients' time at 512 features.
    """
    back: Array | None = g
    for place in range(len(maps) - 1, -1, -1):
        back = maps[place].pull(back, tape[place], p, wanted or _learns(maps[:place], p), None if place else out)
        if back is None:
            return None
    return back if wanted else None


def _learns(maps: tuple[Map, ...], p: Bound) -> bool:
    return p.gradients is not None and any(step.uses for step in maps)


def _run(maps: tuple[Map, ...], x: Array, p: Bound) -> Side:
    """Map x (shared, n, features); also return what each map was given."""
    rows = x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])
    tape: Tape = []
    for step in maps:
        tape.append(rows)
        rows = step.apply(rows, p)
    return rows.reshape(*x.shape[:2], *rows.shape[1:]), tape


def _run_last(term: Term, u: Array, v: Array, p: Bound) -> tuple[Array, Tape]:
    """Core and what follows it."""
    z = term.core.apply(u, v, p)
    if not term.last:
        return z, []
    rows, tape = z.reshape(-1, *z.shape[3:]) if z.size else z.reshape(0, *z.shape[3:]), []
    for step in term.last:
        tape.append(rows)
        rows = step.apply(rows, p)
    return rows.reshape(*z.shape[:3], *rows.shape[1:]), tape


def _blocks(term: Term, x1: Array, x2: Array, p: Bound, *, backward: bool) -> Iterator[Block]:
    """Rows whose maps fit into the workspace together: many shared rows at once, or parts of one's n and m.

    Forward the inputs are there already; backward there is a gradient of their size.
    """
    if len(x1) * max(x1.shape[1], x2.shape[1]) <= FEW:
        yield Block(slice(None), slice(None), slice(None))
        return
    budget = WORKSPACE_BYTES // x1.dtype.itemsize
    width1, width2 = (
        _width(maps, x, p, x.shape[-1] if backward else 0) for maps, x in ((term.first, x1), (term.second, x2))
    )
    width2 += term.core.numbers(p)
    together = budget // max(1, x1.shape[1] * width1 + x2.shape[1] * width2)
    sizes = (max(1, together), x1.shape[1], x2.shape[1])
    if not together:
        sizes = (1, max(1, budget // (2 * max(1, width1))), max(1, budget // (2 * max(1, width2))))
    totals = (len(x1), x1.shape[1], x2.shape[1])
    for s, n, m in product(*(_cut(total, size) for total, size in zip(totals, sizes, strict=True))):
        yield Block(s, n, m)


def _width(maps: tuple[Map, ...], x: Array, p: Bound, least: int) -> int:
    """The most numbers a row has on its way through some maps, at least ``least``; looked up after the first time."""
    found = p.memo.get(maps)
    if found is None:
        row = x[:1, :0]
        through = (_run(maps[: place + 1], row, p)[0].shape[2:] for place in range(len(maps)))
        found = p.memo[maps] = max(map(prod, through), default=0)
    return max(least, int(found))


def _tiles(term: Term, u: Array, v: Array, p: Bound, out: int) -> Iterator[tuple[slice, slice]]:
    """Rows of u and v whose z fits into the workspace."""
    n, m = u.shape[1], v.shape[1]
    if n == m == 1:
        yield slice(0, 1), slice(0, 1)
        return
    width = max(out, prod(term.core.apply(u[:1, :0], v[:1, :0], p).shape[3:])) if term.last else out
    budget = WORKSPACE_BYTES // u.dtype.itemsize // max(1, len(u) * width)
    columns = max(1, min(m, budget))
    yield from product(_cut(n, max(1, budget // columns)), _cut(m, columns))


def _cut(total: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, total)) for start in range(0, total, size)]
