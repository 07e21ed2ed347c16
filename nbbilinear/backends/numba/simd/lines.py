"""Micro-kernels that run over a whole line of tiles or panels.

These loops could stand in Numba; there each costs some tenths of a second to compile, here some milliseconds.
``talls`` tiles of ``tall`` numbers are followed by ``lows`` of one number less. Steps are bytes.
"""

from collections.abc import Callable
from typing import Any

from . import moves, row_tiles, tiles
from .words import Words

Value = Any
AHEAD = 4  # tiles of a weight that is not packed; with 1, 64x512x512x512 took 1.1 times as long, with a block 1.7
SWEEP = 8  # groups of numbers i whose part of y is added apart
FOLD = 8  # tiles whose parts of y are added apart: 1024x768x768 then rounds as little as BLAS does


def gather(
    words: Words, vectors: int, source: Value, order: Value, row: Value, _column: Value, rows: Value, count: Value,
    panel: Value, panel_bytes: Value,
) -> None:  # fmt: skip
    """Fill panel after panel with ``count`` neighbouring columns of rows: see :func:`moves.gather`."""
    _panels(words, vectors, moves.gather, (source,), order, (row,), rows, count, panel, panel_bytes)


def take(
    words: Words, vectors: int, source: Value, order: Value, row: Value, column: Value, rows: Value, count: Value,
    panel: Value, panel_bytes: Value,
) -> None:  # fmt: skip
    """As :func:`gather`, from columns that lie apart."""
    _panels(words, vectors, moves.take, (source,), order, (row, column), rows, count, panel, panel_bytes)


def scatter(
    words: Words, vectors: int, target: Value, order: Value, row: Value, _column: Value, rows: Value, count: Value,
    panel: Value, panel_bytes: Value,
) -> None:  # fmt: skip
    """Write panel after panel to ``count`` neighbouring columns of rows."""
    _panels(words, vectors, moves.scatter, (target,), order, (row,), rows, count, panel, panel_bytes)


def put(
    words: Words, vectors: int, target: Value, order: Value, row: Value, column: Value, rows: Value, count: Value,
    panel: Value, panel_bytes: Value,
) -> None:  # fmt: skip
    """As :func:`scatter`, into columns that lie apart."""
    _panels(words, vectors, moves.put, (target,), order, (row, column), rows, count, panel, panel_bytes)


def begin(
    words: Words, vectors: int, bias: Value, panels: Value, count: Value, panel: Value, panel_bytes: Value
) -> None:
    """panel[c,:] = bias[c] in all panels; zero where the address of the bias is."""

    def body(_: Value, panel: Value) -> list[Value]:
        moves.clear(words, vectors, count, panel)
        there = words.builder.select(words.less(0, bias), count, words.integer(0))
        moves.fill(words, vectors, bias, there, panel)
        return [words.add(panel, panel_bytes)]

    words.repeat(panels, [panel], body)


def project(
    words: Words, tall: int, vectors: int, packed: bool, weight: Value, row: Value, count: Value,
    talls: Value, lows: Value, x1: Value, x2: Value, y: Value,
) -> None:  # fmt: skip
    """y[b] += sum_j x2[j,b] sum_i W[i,j] x1[i,b] over all tiles j; rows of W lie ``row`` apart, or packed in tiles."""
    places = _line(words, vectors)

    def tile(rows: int, weight: Value, x2: Value, part: list[Value]) -> list[Value]:
        size = rows * words.itemsize
        step, ahead = (words.integer(size), None) if packed else (row, words.integer(AHEAD * size + 60))
        return tiles.project(words, rows, vectors, (weight, step), x1, count, x2, part, ahead)

    def group(rows: int, many: Value) -> Callable[..., list[Value]]:
        def body(first: Value, weight: Value, x2: Value) -> list[Value]:
            def one(_: Value, weight: Value, x2: Value, *part: Value) -> list[Value]:
                new = tile(rows, weight, x2, list(part))
                past = words.times(count, rows * words.itemsize) if packed else rows * words.itemsize
                return [words.add(weight, past), words.add(x2, rows * vectors * words.lanes * words.itemsize), *new]

            some = words.least(words.minus(many, first), words.integer(FOLD))
            weight, x2, *part = words.repeat(some, [weight, x2, *[words.zero] * vectors], one)
            for place, value in zip(places, part, strict=True):
                words.store(words.plus(words.load(y, place), value), y, place)
            return [weight, x2]

        return body

    weight, x2 = words.repeat(talls, [weight, x2], group(tall, talls), step=FOLD)
    if tall > 1:
        words.repeat(lows, [weight, x2], group(tall - 1, lows), step=FOLD)


def spread(
    words: Words, tall: int, vectors: int, many: int, packed: bool, weight: Value, k_step: Value, i_step: Value,
    count: Value, talls: Value, lows: Value, groups: Value, singles: Value, g: Value, x1: Value, x2: Value, dx1: Value,
    dx2: Value,
) -> None:  # fmt: skip
    """Tile after tile of numbers j, :func:`tiles.spread` for ``groups`` of ``many`` numbers i, and ``singles``.

    Numbers i turn inside: the lines of a tile in x2 and dx2 stay in the first cache. Packed tiles of an i lie together.
    """
    past_i = words.times(i_step, count) if packed else i_step

    def all_i(rows: int) -> Callable[..., list[Value]]:
        size, panel = rows * words.itemsize, rows * vectors * words.lanes * words.itemsize

        def body(_: Value, weight: Value, x2: Value, dx2: Value) -> list[Value]:
            def group(some: int) -> Callable[..., list[Value]]:
                def one(_: Value, here: Value, x1: Value, dx1: Value) -> list[Value]:
                    step, ahead = (words.integer(size), None) if packed else (k_step, words.integer(size + 60))
                    tiles.spread(words, rows, vectors, some, (here, step, past_i), g, count, x1, x2, dx1, dx2, ahead)
                    return [
                        words.add(here, words.times(past_i, some)),
                        *(words.next_line(a, some * vectors) for a in (x1, dx1)),
                    ]

                return one

            carried = words.repeat(groups, [weight, x1, dx1], group(many))
            words.repeat(singles, carried, group(1))
            past = words.times(count, size) if packed else size
            return [words.add(weight, past), words.add(x2, panel), words.add(dx2, panel)]

        return body

    weight, x2, dx2 = words.repeat(talls, [weight, x2, dx2], all_i(tall))
    if tall > 1:
        words.repeat(lows, [weight, x2, dx2], all_i(tall - 1))


def product(
    words: Words, tall: int, last: int, vectors: int, past: bool, packed: Value, talls: Value, lasts: Value, z: Value,
    panel_bytes: Value, count: Value, c: Value, c_step: Value, columns: Value, add: Value,
) -> None:  # fmt: skip
    """C[t,v] = sum_p A[p,t] z[p,v] for all tiles of A, which are packed: ``lasts`` (0 or 1) of ``last`` numbers.

    Panels of z turn inside: what is written has its neighbour written before.
    """
    width = vectors * words.lanes

    def body(rows: int) -> Callable[..., list[Value]]:
        def one(_: Value, packed: Value, c: Value) -> list[Value]:
            size = rows * words.itemsize

            def panel(v: Value, z: Value, c: Value) -> list[Value]:
                left = words.minus(columns, v)
                tiles.product(words, rows, vectors, past, (packed, words.integer(size)), z, count, c, c_step, left, add)
                return [words.add(z, panel_bytes), words.add(c, width * words.itemsize)]

            words.repeat(columns, [z, c], panel, step=width)
            return [words.add(packed, words.times(count, size)), words.add(c, words.times(c_step, rows))]

        return one

    carried = words.repeat(talls, [packed, c], body(tall))
    words.repeat(lasts, carried, body(last))
    if past:
        words.fence()


def weigh(
    words: Words, tall: int, last: int, vectors: int, masked: bool, keep: bool, talls: Value, lasts: Value, left: Value,
    left_row: Value, panel: Value, step: Value, count: Value, ahead: Value, columns: Value, right: Value,
    right_row: Value, totals: Value, kept: Value, kept_row: Value, add: Value,
) -> None:  # fmt: skip
    """totals[b,:] += sum_p left[b,p] panel[p,j] right[b,j]: ``talls`` tiles of rows, ``lasts`` (0 or 1) at the end."""

    def body(rows: int) -> Callable[..., list[Value]]:
        def one(_: Value, left: Value, right: Value, kept: Value, totals: Value) -> list[Value]:
            row_tiles.weigh(
                words, rows, vectors, masked, keep, left, left_row, panel, step, count, ahead, columns, right,
                right_row, totals, kept, kept_row, add,
            )  # fmt: skip
            steps = ((left, left_row), (right, right_row), (kept, kept_row))
            return [*(words.add(a, words.times(row, rows)) for a, row in steps), words.next_line(totals, rows)]

        return one

    carried = words.repeat(talls, [left, right, kept, totals], body(tall))
    words.repeat(lasts, carried, body(last))


def accumulate(
    words: Words, tall: int, last: int, vectors: int, masked: bool, talls: Value, lasts: Value, left: Value,
    left_row: Value, panel: Value, step: Value, count: Value, columns: Value, factors: Value, factor_row: Value,
    target: Value, target_row: Value,
) -> None:  # fmt: skip
    """target[b,j] += factors[b] sum_p left[b,p] panel[p,j], tiles of rows as in :func:`weigh`."""

    def body(rows: int) -> Callable[..., list[Value]]:
        def one(_: Value, left: Value, factors: Value, target: Value) -> list[Value]:
            row_tiles.accumulate(
                words, rows, vectors, masked, left, left_row, panel, step, count, columns, factors, factor_row,
                target, target_row,
            )  # fmt: skip
            steps = ((left, left_row), (factors, factor_row), (target, target_row))
            return [words.add(a, words.times(row, rows)) for a, row in steps]

        return one

    carried = words.repeat(talls, [left, factors, target], body(tall))
    words.repeat(lasts, carried, body(last))


def share(
    words: Words, rows: int, vectors: int, g: Value, g_row: Value, weight: Value, k_step: Value, i_step: Value,
    count: Value, many: Value, wholes: Value, ends: Value, columns: Value, x1: Value, x1_row: Value, x2: Value,
    x2_row: Value, totals: Value, dx2: Value, dx2_row: Value,
) -> None:  # fmt: skip
    """``many`` numbers i of :func:`row_tiles.share`: ``wholes`` tiles along j, and ``ends`` (0 or 1) of ``columns``."""
    size = vectors * words.lanes * words.itemsize

    def one(_: Value, weight: Value, x1: Value, totals: Value) -> list[Value]:
        def along(masked: bool) -> Callable[..., list[Value]]:
            def tile(_: Value, here: Value, x2: Value, dx2: Value) -> list[Value]:
                row_tiles.share(
                    words, rows, vectors, masked, g, g_row, here, k_step, count, i_step, columns, x1, x1_row,
                    x2, x2_row, totals, dx2, dx2_row,
                )  # fmt: skip
                return [words.add(a, size) for a in (here, x2, dx2)]

            return tile

        carried = words.repeat(wholes, [weight, x2, dx2], along(False))
        words.repeat(ends, carried, along(True))
        return [words.add(weight, i_step), words.add(x1, words.itemsize), words.next_line(totals, rows)]

    words.repeat(many, [weight, x1, totals], one)


def sweep(
    words: Words, rows: int, many: int, weight: Value, w_row: Value, wholes: Value, ends: Value, columns: Value,
    groups: Value, lasts: Value, x1: Value, x1_row: Value, x2: Value, x2_row: Value, totals: Value, total_step: Value,
    part: Value,
) -> None:  # fmt: skip
    """``groups`` of ``many`` numbers i of :func:`row_tiles.sweep`, and ``lasts`` single ones.

    Some groups are summed in ``part``, a vector for every row, which is zero before and after.
    """

    def group(some: int) -> Callable[..., list[Value]]:
        def body(_: Value, weight: Value, x1: Value) -> list[Value]:
            row_tiles.sweep(words, rows, some, weight, w_row, wholes, ends, columns, x1, x1_row, x2, x2_row, part)
            return [words.add(weight, words.times(w_row, some)), words.add(x1, some * words.itemsize)]

        return body

    def folded(some: int, count: Value) -> Callable[..., list[Value]]:
        def body(first: Value, weight: Value, x1: Value) -> list[Value]:
            here = words.least(words.minus(count, first), words.integer(SWEEP))
            carried = words.repeat(here, [weight, x1], group(some))
            for r in range(rows):
                whole = words.add(totals, words.times(total_step, r))
                moves.fold(words, 1, words.integer(1), words.next_line(part, r), whole)
            return carried

        return body

    carried = words.repeat(groups, [weight, x1], folded(many, groups), step=SWEEP)
    words.repeat(lasts, carried, folded(1, lasts), step=SWEEP)


def _panels(
    words: Words, vectors: int, move: Callable[..., None], memory: tuple[Value], order: Value, steps: tuple[Value, ...],
    rows: Value, count: Value, panel: Value, panel_bytes: Value,
) -> None:  # fmt: skip
    """``move`` for one panel of rows after the other."""
    width = vectors * words.lanes

    def body(first: Value, order: Value, panel: Value) -> list[Value]:
        move(words, vectors, *memory, order, *steps, words.minus(rows, first), count, panel)
        return [words.add(order, 8 * width), words.add(panel, panel_bytes)]

    words.repeat(rows, [order, panel], body, step=width)


def _line(words: Words, vectors: int) -> range:
    return range(0, vectors * words.lanes, words.lanes)
