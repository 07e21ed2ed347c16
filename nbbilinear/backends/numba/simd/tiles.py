"""Micro-kernels that multiply: one loop that keeps a tile of sums in registers, and what becomes of the sums.

A panel holds a block of rows with its features one under the other: lanes are rows. A tile is ``rows`` consecutive
numbers of a weight, each broadcast, by ``vectors`` vectors of a panel. Steps are bytes.
"""

from collections.abc import Callable
from typing import Any

from .words import Words

Value = Any
CHAIN = 13  # terms that `lines` sums in one go: 16384x8x8x256 rounds as BLAS does; one chain of 64, 1.8 times as much


def project(
    words: Words, rows: int, vectors: int, weight: tuple[Value, Value], x1: Value, count: Value, x2: Value,
    part: list[Value], ahead: Value,
) -> list[Value]:  # fmt: skip
    """part[b] + sum_j x2[j,b] sum_i W[i,j] x1[i,b]: the intermediate stays in registers. W is an address and a step."""
    width = vectors * words.lanes
    sums = _sums(words, rows, vectors, weight, (x1, width * words.itemsize), count, ahead)
    new = []
    for v in range(vectors):
        chains = [part[v], words.zero]  # two, since one would wait for its own last sum
        for r in range(rows):
            chains[r % 2] = words.fma(sums[r][v], words.load(x2, r * width + v * words.lanes), chains[r % 2])
        new.append(words.plus(*chains))
    return new


def spread(
    words: Words, rows: int, vectors: int, many: int, weight: tuple[Value, Value, Value], g: Value, count: Value,
    x1: Value, x2: Value, dx1: Value, dx2: Value, ahead: Value,
) -> None:  # fmt: skip
    """With u[i,j,b] = sum_k W[k,i,j] g[k,b]: dx1[i,b] += sum_j u x2[j,b] and dx2[j,b] += sum_i u x1[i,b].

    Of ``many`` numbers i, so that x2 and dx2 are read and written once for all of them. W is an address, its step along
    k, and that along i.
    """
    here, step, i_step = weight
    width = vectors * words.lanes

    def body(_: Value, here: Value, g: Value, *sums: Value) -> list[Value]:
        factors, new = [words.load(g, v * words.lanes) for v in range(vectors)], []
        for i in range(many):
            line = words.add(here, words.times(i_step, i)) if i else here
            if ahead is not None:
                words.prefetch(words.add(line, ahead))
            for r in range(rows):
                number, place = words.broadcast(line, r), (i * rows + r) * vectors
                new += [words.fma(number, factors[v], sums[place + v]) for v in range(vectors)]
        return [words.add(here, step), words.add(g, width * words.itemsize), *new]

    sums = words.repeat(count, [here, g, *[words.zero] * (many * rows * vectors)], body)[2:]
    for v in range(vectors):
        places = [i * width + v * words.lanes for i in range(many)]
        x1_i, dx1_i = [words.load(x1, place) for place in places], [words.load(dx1, place) for place in places]
        for r in range(rows):
            j = r * width + v * words.lanes
            x2_j, dx2_j = words.load(x2, j), words.load(dx2, j)
            for i in range(many):
                u = sums[(i * rows + r) * vectors + v]
                dx1_i[i], dx2_j = words.fma(u, x2_j, dx1_i[i]), words.fma(u, x1_i[i], dx2_j)
            words.store(dx2_j, dx2, j)
        for place, value in zip(places, dx1_i, strict=True):
            words.store(value, dx1, place)


def product(
    words: Words, rows: int, vectors: int, past: bool, left: tuple[Value, Value], z: Value, count: Value, c: Value,
    c_step: Value, columns: Value, add: Value,
) -> None:  # fmt: skip
    """C[r,v] = sum_p A[p,r] z[p,v], for the first ``columns`` numbers of each row of C; added to C if ``add`` is 1.

    ``past`` the caches: whole vectors of a C that is not added to.
    """
    sums = _sums(words, rows, vectors, left, (z, vectors * words.lanes * words.itemsize), count)
    within = [words.first(words.add(columns, -v * words.lanes)) for v in range(vectors)]
    present = [words.both(mask, words.less(0, add)) for mask in within]
    for r in range(rows):
        for v in range(vectors):
            if past:
                words.store_past(sums[r][v], c, v * words.lanes)
            else:
                value = words.plus(words.load(c, v * words.lanes, present[v]), sums[r][v])
                words.store(value, c, v * words.lanes, within[v])
        c = words.add(c, c_step)


def _sums(
    words: Words,
    rows: int,
    vectors: int,
    left: tuple[Value, Value],
    right: tuple[Value, Value | int],
    count: Value,
    ahead: Value = None,
    apart: int = 1,
) -> list[list[Value]]:
    """sums[r][v] = sum_p A[p,r] B[p,v], in registers; ``left`` and ``right`` are an address and its step.

    A[p,r] and A[p,r+1] are ``apart`` numbers apart.
    """

    def body(_: Value, a: Value, b: Value, *sums: Value) -> list[Value]:
        if ahead is not None:
            words.prefetch(words.add(a, ahead))
        factors = [words.load(b, v * words.lanes) for v in range(vectors)]
        new = []
        for r in range(rows):
            number = words.broadcast(a, r * apart)
            new += [words.fma(number, factors[v], sums[r * vectors + v]) for v in range(vectors)]
        return [words.add(a, left[1]), words.add(b, right[1]), *new]

    sums = words.repeat(count, [left[0], right[0], *[words.zero] * (rows * vectors)], body)[2:]
    return [sums[r * vectors : (r + 1) * vectors] for r in range(rows)]


def weigh(
    words: Words, rows: int, vectors: int, masked: bool, left: Value, left_row: Value, panel: Value, step: Value,
    count: Value, ahead: Value, columns: Value, right: Value, right_row: Value, totals: Value,
) -> None:  # fmt: skip
    """totals[b,:] += t[b,j] right[b,j] with t[b,j] = sum_p left[b,p] panel[p,j]; lanes are j, to be added up later."""
    within = [words.first(words.add(columns, -v * words.lanes)) if masked else None for v in range(vectors)]
    sums = _sums_of_rows(words, rows, vectors, (left, left_row), (panel, step), count, within, ahead)
    for r in range(rows):
        total = words.load(totals, r * words.lanes)
        for v in range(vectors):
            more = words.fma(sums[r][v], words.load(right, v * words.lanes, within[v]), total)
            total = words.where(within[v], more, total)
        words.store(total, totals, r * words.lanes)
        right = words.add(right, right_row)


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
        sums = _sums(words, rows, vectors, (a, a_step), (b, b_step), count)
    else:
        sums = _sums_of_rows(words, rows, vectors, (a, a_step), (b, b_step), count, [None] * vectors, ahead)
    within = [words.first(words.add(columns, -v * words.lanes)) for v in range(vectors)]
    for r in range(rows):
        number = words.load_index(order, r)
        from_here, to_here = (words.add(x, words.times(number, step)) for x, step in ((start, start_step), (c, c_step)))
        for v in range(vectors):
            value = words.plus(words.load(from_here, v * words.lanes, within[v]), sums[r][v])
            words.store(value, to_here, v * words.lanes, within[v])


def lines(
    words: Words,
    rows: int,
    vectors: int,
    apart: int,
    add: bool,
    a: Value,
    b: Value,
    b_step: Value,
    count: Value,
    start: Value,
    starts: Value,
    c: Value,
    order: Value,
    c_step: Value,
    there: Value,
    columns: Value,
) -> None:
    """C[order[r],v] = start[v] + sum_p A[r,p] B[p,v], for ``there`` rows, ``columns`` numbers of each; A lies in lines.

    The first ``starts`` numbers of ``start`` are there. Whether it is added to C is known beforehand: what is not to be
    read would be waited for.
    """

    def chain(first: Value, a: Value, b: Value, *whole: Value) -> list[Value]:
        terms, step = words.least(words.minus(count, first), words.integer(CHAIN)), words.integer(words.itemsize)
        part = _sums(words, rows, vectors, (a, step), (b, b_step), terms, apart=apart)
        more = [value for line in part for value in line]
        added = [words.plus(*pair) for pair in zip(whole, more, strict=True)]
        return [words.add(a, CHAIN * words.itemsize), words.add(b, words.times(b_step, CHAIN)), *added]

    whole = words.repeat(count, [a, b, *[words.zero] * (rows * vectors)], chain, step=CHAIN)[2:]
    sums = [whole[r * vectors : (r + 1) * vectors] for r in range(rows)]
    begin = [words.load(start, v * words.lanes, _within(words, v, starts)) for v in range(vectors)]
    for r in range(rows):
        there_r = words.less(r, there)
        number = words.load_index(words.builder.select(there_r, words.add(order, 8 * r), order))
        line = words.add(c, words.times(number, c_step))
        for v in range(vectors):
            mask, value = words.both(_within(words, v, columns), there_r), words.plus(begin[v], sums[r][v])
            if add:
                value = words.plus(words.load(line, v * words.lanes, mask), value)
            words.store(value, line, v * words.lanes, mask)


def part(
    words: Words,
    rows: int,
    vectors: int,
    a: Value,
    a_step: Value,
    b: Value,
    b_step: Value,
    count: Value,
    c: Value,
    c_step: Value,
    there: Value,
    columns: Value,
    add: Value,
) -> None:
    """As :func:`product`, for the first ``there`` rows of C."""
    sums = _sums(words, rows, vectors, (a, a_step), (b, b_step), count)
    for r in range(rows):
        _write(words, sums[r], c, columns, words.less(r, there), add)
        c = words.add(c, c_step)


def total(
    words: Words, vectors: int, b: Value, b_step: Value, count: Value, c: Value, columns: Value, add: Value
) -> None:
    """C[v] = sum_p B[p,v], for the first ``columns`` numbers of C; added to C if ``add`` is 1."""

    def body(_: Value, b: Value, *sums: Value) -> list[Value]:
        return [words.add(b, b_step), *(words.plus(words.load(b, v * words.lanes), sums[v]) for v in range(vectors))]

    sums = words.repeat(count, [b, *[words.zero] * vectors], body)[1:]
    _write(words, sums, c, columns, words.less(0, words.integer(1)), add)


def _within(words: Words, v: int, columns: Value) -> Value:
    """The lanes of vector ``v`` that are among the first ``columns``."""
    return words.first(words.add(columns, -v * words.lanes))


def _write(words: Words, sums: list[Value], c: Value, columns: Value, wanted: Value, add: Value) -> None:
    """C[v] = sums[v], or added to it, where ``wanted``."""
    for v, value in enumerate(sums):
        mask = words.both(_within(words, v, columns), wanted)
        before = words.load(c, v * words.lanes, words.both(mask, words.less(0, add)))
        words.store(words.plus(before, value), c, v * words.lanes, mask)
