"""Micro-kernels that move: rows into panels and back, weights into tiles, and the vectors that are filled or scaled.

``order`` holds row numbers: row r of a block lies at ``order[r] * row_step``. Steps are bytes; ``count`` is of lines.
"""

from collections.abc import Callable
from typing import Any

from .words import Words

Value = Any


def gather(
    words: Words, vectors: int, source: Value, order: Value, row_step: Value, rows: Value, count: Value, panel: Value
) -> None:
    """panel[c,r] = source[order[r],c]: squares of numbers turned in registers; rows that are not there are zero.

    Whole squares are written: the panel needs room for ``count`` rounded up to a multiple of the lanes.
    """

    def turn(panel: Value, places: list[int], lines: list[tuple[Value, Value]]) -> None:
        square = _turned(words, [words.load(line, 0, mask) for line, mask in lines])
        for place, value in zip(places, square, strict=True):
            words.store(value, panel, place)

    _squares(words, vectors, source, order, row_step, rows, count, panel, turn)


def scatter(
    words: Words, vectors: int, target: Value, order: Value, row_step: Value, rows: Value, count: Value, panel: Value
) -> None:
    """target[order[r],c] = panel[c,r], for rows that are there."""

    def turn(panel: Value, places: list[int], lines: list[tuple[Value, Value]]) -> None:
        square = _turned(words, [words.load(panel, place) for place in places])
        for (line, mask), value in zip(lines, square, strict=True):
            words.store(value, line, 0, mask)

    _squares(words, vectors, target, order, row_step, rows, count, panel, turn)


def take(
    words: Words, vectors: int, source: Value, order: Value, row_step: Value, column_step: Value, rows: Value,
    count: Value, panel: Value,
) -> None:  # fmt: skip
    """As :func:`gather`, from columns that lie apart: number by number."""
    clear(words, vectors, count, panel)

    def move(number: Value, place: Value) -> None:
        words.store_number(words.load_number(number), place)

    _numbers(words, vectors, source, order, row_step, column_step, rows, count, panel, move)


def put(
    words: Words, vectors: int, target: Value, order: Value, row_step: Value, column_step: Value, rows: Value,
    count: Value, panel: Value,
) -> None:  # fmt: skip
    """As :func:`scatter`, into columns that lie apart: number by number."""

    def move(number: Value, place: Value) -> None:
        words.store_number(words.load_number(place), number)

    _numbers(words, vectors, target, order, row_step, column_step, rows, count, panel, move)


def pack(words: Words, width: int, source: Value, step: Value, count: Value, columns: Value, target: Value) -> None:
    """target[p,c] = source[p,c] for c < ``columns``, zero up to ``width``: lines packed close.

    The next columns are read ahead: 4096x256x256x1 then takes 0.92 of the time, 64x512x512x512 0.95.
    """
    move, past = _line_mover(words, width, columns), width * words.itemsize

    def body(_: Value, source: Value, target: Value) -> list[Value]:
        for line in range(past, 2 * past, 64):
            words.prefetch(words.add(source, line))
        move(source, target)
        return [words.add(source, step), words.add(target, past)]

    words.repeat(count, [source, target], body)


def pack_tiles(
    words: Words, tall: int, other: int, source: Value, step: Value, count: Value, talls: Value, others: Value,
    target: Value,
) -> None:  # fmt: skip
    """``talls`` tiles of ``tall`` columns, then ``others`` of ``other``, side by side: target[t,p,r] = source[p,(t,r)].

    Line by line, since the lines of a weight may lie a power of two apart: tile by tile, each reading would evict the
    line that the next tile wants.
    """
    into_tiles = _tile_filler(words, (tall, other), count, (talls, others), target)

    def line(p: Value, source: Value) -> list[Value]:
        into_tiles(p, source)
        return [words.add(source, step)]

    words.repeat(count, [source], line)


def pick_tiles(
    words: Words, tall: int, other: int, source: Value, order: Value, step: Value, count: Value, talls: Value,
    others: Value, target: Value,
) -> None:  # fmt: skip
    """As :func:`pack_tiles`, of the lines order[0], order[1], ..."""
    into_tiles = _tile_filler(words, (tall, other), count, (talls, others), target)

    def line(p: Value, order: Value) -> list[Value]:
        into_tiles(p, words.add(source, words.times(words.load_index(order), step)))
        return [words.add(order, 8)]

    words.repeat(count, [order], line)


def pick(
    words: Words, width: int, source: Value, order: Value, step: Value, count: Value, columns: Value, target: Value
) -> None:
    """As :func:`pack`, of the lines order[0], order[1], ..."""
    move = _line_mover(words, width, columns)

    def body(_: Value, order: Value, target: Value) -> list[Value]:
        move(words.add(source, words.times(words.load_index(order), step)), target)
        return [words.add(order, 8), words.add(target, width * words.itemsize)]

    words.repeat(count, [order, target], body)


def clear(words: Words, vectors: int, count: Value, panel: Value) -> None:
    """panel[c,:] = 0."""

    def body(_: Value, panel: Value) -> list[Value]:
        for v in _line(words, vectors):
            words.store(words.zero, panel, v)
        return [words.next_line(panel, vectors)]

    words.repeat(count, [panel], body)


def fill(words: Words, vectors: int, source: Value, count: Value, panel: Value) -> None:
    """panel[c,:] = source[c]."""

    def body(_: Value, source: Value, panel: Value) -> list[Value]:
        for v in _line(words, vectors):
            words.store(words.broadcast(source), panel, v)
        return [words.add(source, words.itemsize), words.next_line(panel, vectors)]

    words.repeat(count, [source, panel], body)


def fold(words: Words, vectors: int, count: Value, part: Value, whole: Value) -> None:
    """whole[c,:] += part[c,:], and part = 0: a sum of sums loses less than one long sum."""

    def body(_: Value, part: Value, whole: Value) -> list[Value]:
        for v in _line(words, vectors):
            words.store(words.plus(words.load(whole, v), words.load(part, v)), whole, v)
            words.store(words.zero, part, v)
        return [words.next_line(part, vectors), words.next_line(whole, vectors)]

    words.repeat(count, [part, whole], body)


def scale(
    words: Words, vectors: int, factors: Value, order: Value, step: Value, panel: Value, count: Value, scaled: Value
) -> None:
    """scaled[r,:] = factors[order[r]] panel[r,:]."""

    def body(_: Value, order: Value, panel: Value, scaled: Value) -> list[Value]:
        factor = words.broadcast(words.add(factors, words.times(words.load_index(order), step)))
        for v in _line(words, vectors):
            words.store(words.multiply(factor, words.load(panel, v)), scaled, v)
        return [words.add(order, 8), *(words.next_line(a, vectors) for a in (panel, scaled))]

    words.repeat(count, [order, panel, scaled], body)


def couple(words: Words, vectors: int, line: Value, panel: Value, count: Value, coupled: Value) -> None:
    """coupled[c,:] = line[:] panel[c,:]."""

    def body(_: Value, panel: Value, coupled: Value) -> list[Value]:
        for v in _line(words, vectors):
            words.store(words.multiply(words.load(line, v), words.load(panel, v)), coupled, v)
        return [words.next_line(panel, vectors), words.next_line(coupled, vectors)]

    words.repeat(count, [panel, coupled], body)


def settle(
    words: Words, totals: Value, count: Value, start: Value, start_step: Value, target: Value, target_step: Value
) -> None:
    """target[r] = start[r] + the sum of the lanes of totals[r]."""

    def body(_: Value, totals: Value, start: Value, target: Value) -> list[Value]:
        words.store_number(words.plus(words.load_number(start), words.total(words.load(totals))), target)
        return [words.next_line(totals, 1), words.add(start, start_step), words.add(target, target_step)]

    words.repeat(count, [totals, start, target], body)


def outer(
    words: Words, vectors: int, line: int, x1: Value, x1_step: Value, x2: Value, x2_step: Value, order: Value,
    rows: Value, count1: Value, count2: Value, coupled: Value,
) -> None:  # fmt: skip
    """coupled[r, i * count2 + j] = x1[order[r],i] x2[order[r],j], in lines of ``line`` numbers.

    Whole vectors are written, the next ones over their ends; the last needs room.
    """

    def row(_: Value, order: Value, coupled: Value) -> list[Value]:
        number = words.load_index(order)
        first = words.add(x1, words.times(number, x1_step))
        second = words.add(x2, words.times(number, x2_step))
        pieces = [words.load(second, v, words.first(words.add(count2, -v))) for v in _line(words, vectors)]

        def body(i: Value, target: Value) -> list[Value]:
            factor = words.broadcast(words.add(first, words.times(i, words.itemsize)))
            for v, piece in zip(_line(words, vectors), pieces, strict=True):
                words.store(words.multiply(factor, piece), target, v)
            return [words.add(target, words.times(count2, words.itemsize))]

        words.repeat(count1, [coupled], body)
        return [words.add(order, 8), words.add(coupled, line * words.itemsize)]

    words.repeat(rows, [order, coupled], row)


def collect(
    words: Words, source: Value, order: Value, step: Value, rows: Value, columns: Value, target: Value,
    target_step: Value,
) -> None:  # fmt: skip
    """target[r,c] = source[order[r],c] for c < ``columns``, zero up to a whole vector."""

    def row(_: Value, order: Value, target: Value) -> list[Value]:
        start = words.add(source, words.times(words.load_index(order), step))

        def body(c: Value) -> list[Value]:
            offset = words.times(c, words.itemsize)
            there = words.first(words.minus(columns, c))
            words.store(words.load(words.add(start, offset), 0, there), words.add(target, offset))
            return []

        words.repeat(columns, [], body, step=words.lanes)
        return [words.add(order, 8), words.add(target, target_step)]

    words.repeat(rows, [order, target], row)


def copy(
    words: Words, source: Value, order: Value, step: Value, count: Value, columns: Value,
    target: Value, target_step: Value,
) -> None:  # fmt: skip
    """target[l,c] = source[order[l],c] for c < ``columns``: lines of any length."""

    def line(_: Value, order: Value, target: Value) -> list[Value]:
        start = words.add(source, words.times(words.load_index(order), step))

        def piece(c: Value) -> list[Value]:
            mask, offset = words.first(words.minus(columns, c)), words.times(c, words.itemsize)
            words.store(words.load(words.add(start, offset), 0, mask), words.add(target, offset), 0, mask)
            return []

        words.repeat(columns, [], piece, step=words.lanes)
        return [words.add(order, 8), words.add(target, target_step)]

    words.repeat(count, [order, target], line)


def copy_apart(
    words: Words, source: Value, order: Value, step: Value, count: Value, places: Value, columns: Value,
    target: Value, target_step: Value,
) -> None:  # fmt: skip
    """As :func:`copy`, of numbers that lie ``places[c]`` bytes from the start of a line: one by one."""

    def line(_: Value, order: Value, target: Value) -> list[Value]:
        start = words.add(source, words.times(words.load_index(order), step))

        def number(_: Value, place: Value, target: Value) -> list[Value]:
            words.store_number(words.load_number(words.add(start, words.load_index(place))), target)
            return [words.add(place, 8), words.add(target, words.itemsize)]

        words.repeat(columns, [places, target], number)
        return [words.add(order, 8), words.add(target, target_step)]

    words.repeat(count, [order, target], line)


def _line(words: Words, vectors: int) -> range:
    """Where the vectors of a line of a panel begin."""
    return range(0, vectors * words.lanes, words.lanes)


def _line_mover(words: Words, width: int, columns: Value) -> Callable[[Value, Value], None]:
    """What copies a line of ``width`` numbers, of which the first ``columns`` are there."""
    pieces = []
    for first in range(0, width, words.lanes):
        there = words.first(words.add(columns, -first))
        pieces.append((first, there, words.first(words.integer(width - first))))

    def move(source: Value, target: Value) -> None:
        for first, there, wanted in pieces:
            words.store(words.load(source, first, there), target, first, wanted)

    return move


def _tile_filler(
    words: Words, sizes: tuple[int, int], count: Value, many: tuple[Value, Value], target: Value
) -> Callable[[Value, Value], None]:
    """What writes line p of a source to all tiles of ``count`` lines: some of one size, then some of another."""
    movers = [_line_mover(words, columns, words.integer(columns)) for columns in sizes]

    def fill(p: Value, source: Value) -> None:
        tile = words.add(target, words.times(p, sizes[0] * words.itemsize))
        for columns, some, move in zip(sizes, many, movers, strict=True):

            def one(_: Value, here: Value, tile: Value, columns: int = columns, move: Any = move) -> list[Value]:
                move(here, tile)
                size = columns * words.itemsize
                return [words.add(here, size), words.add(tile, words.times(count, size))]

            source, tile = words.repeat(some, [source, tile], one)
            if columns == sizes[0]:  # line p of the others begins earlier by what their lines are shorter
                tile = words.minus(tile, words.times(p, (sizes[0] - sizes[1]) * words.itemsize))

    return fill


def _squares(
    words: Words, vectors: int, base: Value, order: Value, row_step: Value, rows: Value, count: Value, panel: Value,
    turn: Callable[..., None],
) -> None:  # fmt: skip
    """``turn(panel, places, lines)`` for every square of ``lanes`` rows by ``lanes`` columns.

    ``places`` are the lines of the square in the panel; ``lines`` the addresses and masks of its rows in memory.
    """
    for first in _line(words, vectors):
        present = [words.less(first + r, rows) for r in range(words.lanes)]
        starts = []
        for r, there in enumerate(present):
            number = words.load_index(words.builder.select(there, words.add(order, 8 * (first + r)), order))
            starts.append(words.add(base, words.times(number, row_step)))

        def body(
            c: Value, panel: Value, first: int = first, starts: list[Value] = starts, present: list[Value] = present
        ) -> list[Value]:
            within, offset = words.first(words.minus(count, c)), words.times(c, words.itemsize)
            lines = [
                (words.add(start, offset), words.both(within, there))
                for start, there in zip(starts, present, strict=True)
            ]
            places = [line * vectors * words.lanes + first for line in range(words.lanes)]
            turn(panel, places, lines)
            return [words.add(panel, words.lanes * vectors * words.lanes * words.itemsize)]

        words.repeat(count, [panel], body, step=words.lanes)


def _numbers(
    words: Words, vectors: int, base: Value, order: Value, row_step: Value, column_step: Value, rows: Value,
    count: Value, panel: Value, move: Callable[..., None],
) -> None:  # fmt: skip
    """``move(number, place)`` for the addresses of every number in memory and in the panel."""

    def row(r: Value, order: Value) -> list[Value]:
        def column(_: Value, number: Value, place: Value) -> list[Value]:
            move(number, place)
            return [words.add(number, column_step), words.next_line(place, vectors)]

        start = words.add(base, words.times(words.load_index(order), row_step))
        words.repeat(count, [start, words.add(panel, words.times(r, words.itemsize))], column)
        return [words.add(order, 8)]

    all_rows = words.integer(vectors * words.lanes)
    words.repeat(words.builder.select(words.less(rows, all_rows), rows, all_rows), [order], row)


def _turned(words: Words, square: list[Value]) -> list[Value]:
    """The transpose of ``lanes`` vectors: off-diagonal blocks of 1, 2, 4, ... change places."""
    lanes, size = words.lanes, 1
    while size < lanes:
        upper = [lane if not lane & size else lanes + lane - size for lane in range(lanes)]
        lower = [lane + size if not lane & size else lanes + lane for lane in range(lanes)]
        turned = list(square)
        for row in range(lanes):
            if not row & size:
                a, b = square[row], square[row + size]
                turned[row], turned[row + size] = words.shuffle(a, b, upper), words.shuffle(a, b, lower)
        square, size = turned, 2 * size
    return square
