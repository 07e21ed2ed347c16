"""Micro-kernels of products of mapped rows: both maps in registers, their product beside them; lanes are rows.

A panel holds a block of rows with its features one under the other, as in :mod:`nbbilinear.backends.numba.simd.tiles`.
"""

from typing import Any

from ..simd import lines
from ..simd.words import Words

Value = Any
Matrix = tuple[Value, Value, Value]  # an address, the step from one output to the next, and that along the sum


def pair(
    words: Words, first: int, columns: int, rank: int, vectors: int, u: Value, u_output: Value, u_step: Value,
    x1: Value, count1: Value, v: Value, v_output: Value, v_step: Value, x2: Value, count2: Value, z: Value,
) -> None:  # fmt: skip
    """z[c] = (sum_i U[k,i,r] x1[i]) (sum_j V[k,j,r] x2[j]) with c = (k, r): ``columns`` of them from ``first`` on."""
    tile = range(first, first + columns)
    places = [divmod(c, rank) for c in tile]
    one = _sums(words, places, vectors, (u, u_output, u_step), x1, count1)
    other = _sums(words, places, vectors, (v, v_output, v_step), x2, count2)
    for place, (a, b) in enumerate(zip(one, other, strict=True), first * vectors):
        words.store(words.multiply(a, b), z, place * words.lanes)


def fold(words: Words, vectors: int, outputs: Value, rank: Value, z: Value, y: Value) -> None:
    """y[k] = sum_r z[k,r]."""

    def output(_: Value, z: Value, y: Value) -> list[Value]:
        def term(_: Value, z: Value, *sums: Value) -> list[Value]:
            here = [words.load(z, v * words.lanes) for v in range(vectors)]
            return [words.next_line(z, vectors), *map(words.plus, sums, here)]

        z, *sums = words.repeat(rank, [z, *[words.zero] * vectors], term)
        for v, value in enumerate(sums):
            words.store(value, y, v * words.lanes)
        return [z, words.next_line(y, vectors)]

    words.repeat(outputs, [z, y], output)


def _sums(
    words: Words, places: list[tuple[int, int]], vectors: int, matrix: Matrix, x: Value, count: Value
) -> list[Value]:
    """sums[(k,r),v] = sum_i A[k,i,r] x[i,v], in registers. Three outputs share a pointer: so all fit."""
    start, output, step = matrix
    least, most = places[0][0], places[-1][0]
    offsets = (None, output, words.times(output, 2))
    starts = [words.add(start, words.times(output, k)) if k else start for k in range(least, most + 1, 3)]

    def body(_: Value, x: Value, *carried: Value) -> list[Value]:
        pointers, sums = carried[: len(starts)], carried[len(starts) :]
        factors, new = [words.load(x, v * words.lanes) for v in range(vectors)], []
        for place, (k, r) in enumerate(places):
            pointer, offset = pointers[(k - least) // 3], offsets[(k - least) % 3]
            number = words.broadcast(pointer if offset is None else words.add(pointer, offset), r)
            new += [words.fma(number, factors[v], sums[place * vectors + v]) for v in range(vectors)]
        return [words.next_line(x, vectors), *(words.add(pointer, step) for pointer in pointers), *new]

    zeros = [words.zero] * (len(places) * vectors)
    return words.repeat(count, [x, *starts, *zeros], body)[1 + len(starts) :]


class _Products(Words):
    """Words whose loads are products of numbers in one array and in another, ``apart`` bytes from it."""

    def __init__(self, words: Words, apart: Value) -> None:
        self.__dict__.update(words.__dict__)
        self._words, self._apart = words, apart

    def load(self, address: Value, element: int = 0, mask: Value = None) -> Value:
        """A vector of products."""
        there = self.add(address, self._apart)
        return self.multiply(self._words.load(address, element, mask), self._words.load(there, element, mask))


def gather_products(
    words: Words, vectors: int, x1: Value, apart: Value, order: Value, row: Value, rows: Value, count: Value,
    panel: Value, panel_bytes: Value,
) -> None:  # fmt: skip
    """Panels of x1 x2, where x2 is ``apart`` bytes from x1: multiplied as rows, so one square is turned, not two."""
    lines.gather(_Products(words, apart), vectors, x1, order, row, row, rows, count, panel, panel_bytes)
