"""Micro-kernels that multiply rows where they lie: a tile is some of them by some vectors of a weight. Steps are bytes.

Lanes are columns of the weight, but in `cross`, for any product. Sums stay in registers, as in `tiles`.
"""

from collections.abc import Callable
from typing import Any

from .tiles import sums_of
from .words import Words

Value = Any


def weigh(
    words: Words, rows: int, vectors: int, masked: bool, keep: bool, left: Value, left_row: Value, panel: Value,
    step: Value, count: Value, ahead: Value, columns: Value, right: Value, right_row: Value, totals: Value,
    kept: Value, kept_row: Value, add: Value,
) -> None:  # fmt: skip
    """totals[b,:] += t[b,j] right[b,j] with t[b,j] = sum_p left[b,p] panel[p,j]; lanes are j, to be added up later.

    Where t is to ``keep``, it is written to ``kept``; added to what is there if ``add`` is 1.
    """
    within = [words.first(words.add(columns, -v * words.lanes)) if masked else None for v in range(vectors)]
    whole = words.first(words.integer(words.lanes))
    present = [words.both(whole if mask is None else mask, words.less(0, add)) for mask in within] if keep else []
    sums = _sums_of_rows(words, rows, vectors, (left, left_row), (panel, step), count, within, ahead)
    for r in range(rows):
        total = words.load(totals, r * words.lanes)
        for v in range(vectors):
            more = words.fma(sums[r][v], words.load(right, v * words.lanes, within[v]), total)
            total = words.where(within[v], more, total)
            if keep:
                value = words.plus(words.load(kept, v * words.lanes, present[v]), sums[r][v])
                words.store(value, kept, v * words.lanes, within[v])
        words.store(total, totals, r * words.lanes)
        right, kept = words.add(right, right_row), words.add(kept, kept_row)


def accumulate(
    words: Words, rows: int, vectors: int, masked: bool, left: Value, left_row: Value, panel: Value, step: Value,
    count: Value, columns: Value, factors: Value, factor_row: Value, target: Value, target_row: Value,
) -> None:  # fmt: skip
    """target[b,j] += factors[b] sum_p left[b,p] panel[p,j]; lanes are j."""
    within = [words.first(words.add(columns, -v * words.lanes)) if masked else None for v in range(vectors)]
    sums = _sums_of_rows(words, rows, vectors, (left, left_row), (panel, step), count, within, words.integer(0))
    for r in range(rows):
        factor = words.broadcast(factors)
        for v in range(vectors):
            here = v * words.lanes
            words.store(
                words.fma(factor, sums[r][v], words.load(target, here, within[v])), target, here, within[v]
            )  # fmt: skip
        factors, target = words.add(factors, factor_row), words.add(target, target_row)


def blend(
    words: Words, factors: Value, factor_row: Value, source: Value, source_row: Value, target: Value,
    target_row: Value, rows: Value, columns: Value,
) -> None:  # fmt: skip
    """target[b,j] += factors[b] source[b,j]; lanes are j."""

    def line(_: Value, factors: Value, source: Value, target: Value) -> list[Value]:
        factor = words.broadcast(factors)

        def vector(j: Value, source: Value, target: Value) -> list[Value]:
            within = words.first(words.minus(columns, j))
            more = words.fma(factor, words.load(source, 0, within), words.load(target, 0, within))
            words.store(more, target, 0, within)
            return [words.next_line(source, 1), words.next_line(target, 1)]

        words.repeat(columns, [source, target], vector, step=words.lanes)
        steps = ((factors, factor_row), (source, source_row), (target, target_row))
        return [words.add(a, step) for a, step in steps]

    words.repeat(rows, [factors, source, target], line)


def put(
    words: Words, source: Value, source_row: Value, order: Value, target: Value, target_row: Value, rows: Value,
    columns: Value, add: Value,
) -> None:  # fmt: skip
    """target[order[r],c] = source[r,c], added to it if ``add`` is 1."""

    def line(_: Value, source: Value, order: Value) -> list[Value]:
        here = words.add(target, words.times(words.load_index(order), target_row))

        def vector(c: Value, source: Value, here: Value) -> list[Value]:
            within = words.first(words.minus(columns, c))
            before = words.load(here, 0, words.both(within, words.less(0, add)))
            words.store(words.plus(before, words.load(source, 0, within)), here, 0, within)
            return [words.next_line(source, 1), words.next_line(here, 1)]

        words.repeat(columns, [source, here], vector, step=words.lanes)
        return [words.add(source, source_row), words.add(order, 8)]

    words.repeat(rows, [source, order], line)


def share(
    words: Words, rows: int, vectors: int, masked: bool, g: Value, g_row: Value, weight: Value, step: Value,
    count: Value, ahead: Value, columns: Value, x1: Value, x1_row: Value, x2: Value, x2_row: Value, totals: Value,
    dx2: Value, dx2_row: Value,
) -> None:  # fmt: skip
    """Of one i, with u[b,j] = sum_k g[b,k] W[k,j]: totals[b,:] += u x2[b,j] and dx2[b,j] += u x1[b]; lanes are j."""
    within = [words.first(words.add(columns, -v * words.lanes)) if masked else None for v in range(vectors)]
    sums = _sums_of_rows(words, rows, vectors, (g, g_row), (weight, step), count, within, ahead)
    for r in range(rows):
        total, x1_b = words.load(totals, r * words.lanes), words.broadcast(x1)
        for v in range(vectors):
            here = v * words.lanes
            total = words.where(within[v], words.fma(sums[r][v], words.load(x2, here, within[v]), total), total)
            words.store(words.fma(sums[r][v], x1_b, words.load(dx2, here, within[v])), dx2, here, within[v])
        words.store(total, totals, r * words.lanes)
        x1, x2, dx2 = words.add(x1, x1_row), words.add(x2, x2_row), words.add(dx2, dx2_row)


def sweep(
    words: Words, rows: int, many: int, weight: Value, w_row: Value, wholes: Value, ends: Value, columns: Value,
    x1: Value, x1_row: Value, x2: Value, x2_row: Value, totals: Value,
) -> None:  # fmt: skip
    """totals[b,:] += sum_i x1[b,i] s[i,b] of ``many`` numbers i, s[i,b] = sum_j W[i,j] x2[b,j]; lanes are j.

    W is read along its rows: ``wholes`` vectors, then ``ends`` (0 or 1) of ``columns`` numbers.
    """
    held, passed = _Rows(words, weight, w_row, many), _Rows(words, x2, x2_row, rows)
    if many > rows:
        held, passed = passed, held

    def step(mask: Value) -> Callable[..., list[Value]]:
        def body(_: Value, *carried: Value) -> list[Value]:
            first, second, sums = carried[:split], carried[split:begin], list(carried[begin:])
            factors = [words.load(held.at(first, n), 0, mask) for n in range(held.count)]
            for m in range(passed.count):
                value = words.load(passed.at(second, m), 0, mask)
                for n in range(held.count):
                    place = m * held.count + n
                    sums[place] = words.fma(value, factors[n], sums[place])
            return [*(words.next_line(a, 1) for a in carried[:begin]), *sums]

        return body

    split, begin = len(held.starts), len(held.starts) + len(passed.starts)
    carried = [*held.starts, *passed.starts, *[words.zero] * (rows * many)]
    carried = words.repeat(wholes, carried, step(None))
    sums = words.repeat(ends, carried, step(words.first(columns)))[begin:]
    for r in range(rows):
        total = words.load(totals, r * words.lanes)
        for i in range(many):
            total = words.fma(words.broadcast(x1, i), sums[i * rows + r if many > rows else r * many + i], total)
        words.store(total, totals, r * words.lanes)
        x1 = words.add(x1, x1_row)


class _Rows:
    """Rows where they lie. Three share a pointer: an address is one plus one or two times a step, so all fit."""

    def __init__(self, words: Words, start: Value, row: Value, count: int) -> None:
        self.words, self.count = words, count
        self.offsets = (words.integer(0), row, words.times(row, 2))
        self.starts = [words.add(start, words.times(row, r)) for r in range(0, count, 3)]

    def at(self, pointers: Any, r: int) -> Value:
        """The address of row r, where the pointers have moved to."""
        return self.words.add(pointers[r // 3], self.offsets[r % 3])


def _sums_of_rows(
    words: Words, rows: int, vectors: int, left: tuple[Value, Value], right: tuple[Value, Value], count: Value,
    within: list[Value], ahead: Value,
) -> list[list[Value]]:  # fmt: skip
    """sums[r][v] = sum_p A[r,p] B[p,v] with the rows of A where they lie, in registers."""
    lines = _Rows(words, *left, rows)
    begin = 1 + len(lines.starts)

    def body(_: Value, b: Value, *carried: Value) -> list[Value]:
        pointers, sums = carried[: begin - 1], carried[begin - 1 :]
        words.prefetch(words.add(b, ahead))
        factors = [words.load(b, v * words.lanes, within[v]) for v in range(vectors)]
        new = []
        for r in range(rows):
            number = words.broadcast(lines.at(pointers, r))
            new += [words.fma(number, factors[v], sums[r * vectors + v]) for v in range(vectors)]
        return [words.add(b, right[1]), *(words.add(pointer, words.itemsize) for pointer in pointers), *new]

    carried = [right[0], *lines.starts, *[words.zero] * (rows * vectors)]
    sums = words.repeat(count, carried, body)[begin:]
    return [sums[r * vectors : (r + 1) * vectors] for r in range(rows)]


def cross(
    words: Words, rows: int, vectors: int, across: bool, a: Value, a_step: Value, b: Value, b_step: Value,
    count: Value, start: Value, start_step: Value, c: Value, order: Value, c_step: Value, columns: Value, ahead: Value,
) -> None:  # fmt: skip
    """C[order[r],v] = S[order[r],v] + sum_p A[p,r] B[p,v], for the first ``columns`` numbers of each row of C.

    Lines of A, ``a_step`` apart, go along the sum, or ``across`` it.
    """
    if across:
        sums = sums_of(words, rows, vectors, (a, a_step), (b, b_step), count)
    else:
        sums = _sums_of_rows(words, rows, vectors, (a, a_step), (b, b_step), count, [None] * vectors, ahead)
    within = [words.first(words.add(columns, -v * words.lanes)) for v in range(vectors)]
    for r in range(rows):
        number = words.load_index(order, r)
        from_here, to_here = (words.add(x, words.times(number, step)) for x, step in ((start, start_step), (c, c_step)))
        for v in range(vectors):
            value = words.plus(words.load(from_here, v * words.lanes, within[v]), sums[r][v])
            words.store(value, to_here, v * words.lanes, within[v])
