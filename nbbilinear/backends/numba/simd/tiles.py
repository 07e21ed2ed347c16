"""Micro-kernels that multiply: one loop that keeps a tile of sums in registers, and what becomes of the sums.

A panel holds a block of rows with its features one under the other: lanes are rows. A tile is ``rows`` consecutive
numbers of a weight, each broadcast, by ``vectors`` vectors of a panel. Steps are bytes.
"""

from typing import Any

from .words import Words

Value = Any


def project(
    words: Words,
    rows: int,
    vectors: int,
    weight: Value,
    step: Value,
    x1: Value,
    count: Value,
    x2: Value,
    y: Value,
    ahead: Value,
) -> None:
    """y[b] += sum_j x2[j,b] sum_i W[i,j] x1[i,b]: the intermediate stays in registers."""
    width = vectors * words.lanes
    sums = _sums(words, rows, vectors, (weight, step), (x1, width * words.itemsize), count, ahead)
    for v in range(vectors):
        chains = [words.load(y, v * words.lanes), words.zero]  # two, since one would wait for its own last sum
        for r in range(rows):
            chains[r % 2] = words.fma(sums[r][v], words.load(x2, r * width + v * words.lanes), chains[r % 2])
        words.store(words.plus(*chains), y, v * words.lanes)


def spread(
    words: Words,
    rows: int,
    vectors: int,
    weight: Value,
    step: Value,
    g: Value,
    count: Value,
    x1: Value,
    x2: Value,
    dx1: Value,
    dx2: Value,
) -> None:
    """With u[j,b] = sum_k W[k,j] g[k,b] of one i: dx1[b] += sum_j u x2[j,b] and dx2[j,b] += u x1[b]."""
    width = vectors * words.lanes
    sums = _sums(words, rows, vectors, (weight, step), (g, width * words.itemsize), count)
    for v in range(vectors):
        x1_i, dx1_i = words.load(x1, v * words.lanes), words.load(dx1, v * words.lanes)
        for r in range(rows):
            j = r * width + v * words.lanes
            dx1_i = words.fma(sums[r][v], words.load(x2, j), dx1_i)
            words.store(words.fma(sums[r][v], x1_i, words.load(dx2, j)), dx2, j)
        words.store(dx1_i, dx1, v * words.lanes)


def dual(
    words: Words,
    rows: int,
    vectors: int,
    weight: Value,
    step: Value,
    x1: Value,
    count: Value,
    x2: Value,
    g: Value,
    dx1: Value,
    dx2: Value,
) -> None:
    """Of one k: dx1[i,b] += g[b] sum_j W[i,j] x2[j,b] and dx2[j,b] += sum_i W[i,j] g[b] x1[i,b]; reads W once."""
    width = vectors * words.lanes
    places = [[r * width + v * words.lanes for v in range(vectors)] for r in range(rows)]
    factors = [words.load(g, v * words.lanes) for v in range(vectors)]

    def body(_: Value, weight: Value, x1: Value, dx1: Value, *sums: Value) -> list[Value]:
        right = [words.multiply(factors[v], words.load(x1, v * words.lanes)) for v in range(vectors)]
        dots, new = [words.zero] * vectors, []
        for r in range(rows):
            left = words.broadcast(weight, r)
            for v in range(vectors):
                new.append(words.fma(left, right[v], sums[r * vectors + v]))
                dots[v] = words.fma(left, words.load(x2, places[r][v]), dots[v])
        for v in range(vectors):
            here = v * words.lanes
            words.store(words.fma(factors[v], dots[v], words.load(dx1, here)), dx1, here)
        return [words.add(weight, step), *(words.add(a, width * words.itemsize) for a in (x1, dx1)), *new]

    started = [words.load(dx2, place) for row in places for place in row]
    sums = words.repeat(count, [weight, x1, dx1, *started], body)[3:]
    for place, value in zip((place for row in places for place in row), sums, strict=True):
        words.store(value, dx2, place)


def product(
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
    columns: Value,
    add: Value,
) -> None:
    """C[r,v] = sum_p A[p,r] B[p,v], for the first ``columns`` numbers of each row of C; added to C if ``add`` is 1."""
    sums = _sums(words, rows, vectors, (a, a_step), (b, b_step), count)
    within = [words.first(words.add(columns, -v * words.lanes)) for v in range(vectors)]
    present = [words.both(mask, words.less(0, add)) for mask in within]
    for r in range(rows):
        for v in range(vectors):
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
) -> list[list[Value]]:
    """sums[r][v] = sum_p A[p,r] B[p,v], in registers; ``left`` and ``right`` are an address and its step."""

    def body(_: Value, a: Value, b: Value, *sums: Value) -> list[Value]:
        if ahead is not None:
            words.prefetch(words.add(a, ahead))
        factors = [words.load(b, v * words.lanes) for v in range(vectors)]
        new = []
        for r in range(rows):
            number = words.broadcast(a, r)
            new += [words.fma(number, factors[v], sums[r * vectors + v]) for v in range(vectors)]
        return [words.add(a, left[1]), words.add(b, right[1]), *new]

    sums = words.repeat(count, [left[0], right[0], *[words.zero] * (rows * vectors)], body)[2:]
    return [sums[r * vectors : (r + 1) * vectors] for r in range(rows)]
