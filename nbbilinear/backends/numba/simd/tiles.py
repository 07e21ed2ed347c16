"""Micro-kernels that multiply: one loop that keeps a tile of sums in registers, and what becomes of the sums.

A panel holds a block of rows with its features one under the other: lanes are rows. A tile is ``rows`` consecutive
numbers of a weight, each broadcast, by ``vectors`` vectors of a panel. Steps are bytes.
"""

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
    sums = sums_of(words, rows, vectors, weight, (x1, width * words.itemsize), count, ahead)
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
    sums = sums_of(words, rows, vectors, left, (z, vectors * words.lanes * words.itemsize), count)
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


def sums_of(
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
        part = sums_of(words, rows, vectors, (a, step), (b, b_step), terms, apart=apart)
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
    sums = sums_of(words, rows, vectors, (a, a_step), (b, b_step), count)
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
