"""Tiles of sums: their sizes, and what every kernel does with them.

A block of threads owns a tile of ``rows`` by ``columns`` sums and stages ``depth`` terms of both factors at a time in
shared memory: ``a[p, r]`` with the rows side by side, and ``b[p, c]``. A thread owns ``high`` by ``wide`` of the sums,
in groups of four, so that it reads both factors 16 bytes at a time and neighbours read neighbouring words.
"""

from typing import Any, NamedTuple

from numba import types

from .simt import copy16, device, fma, load, read4, read16

REALS: dict[str, Any] = {"f4": types.float32, "f8": types.float64}
PAD = 4  # rows of ``a`` begin this much further apart than they are long: its columns then lie in different banks


class Tile(NamedTuple):
    """The shape of a tile."""

    rows: int
    columns: int
    depth: int
    high: int
    wide: int

    @property
    def threads(self):
        """Threads of a block."""
        return (self.rows // self.high) * (self.columns // self.wide)


class Kernel(NamedTuple):
    """A kernel of which one binary is made.

    ``vector``: sizes and addresses are multiples of 16 bytes. ``segmented``: rows come in an order, sorted by weight.
    """

    name: str
    tile: Tile
    real: str
    vector: bool
    segmented: bool

    @property
    def lanes(self):
        """Elements in 16 bytes."""
        return 16 // int(self.real[1])


def sums_of(tile):
    """Words for the sums of a thread: where they are, how they begin, and how staged factors are added to them."""
    rows, columns, depth, high, wide = tile
    pitch, down, across = rows + PAD, rows // high * 4, columns // wide * 4

    @device
    def row_of(m, ty):
        return (m // 4) * down + ty * 4 + m % 4

    @device
    def column_of(n, tx):
        return (n // 4) * across + tx * 4 + n % 4

    @device
    def clear(sums, zero):
        for m in range(high):
            for n in range(wide):
                sums[m, n] = zero

    @device
    def multiply(a, b, left, right, sums, ty, tx):
        for pair in range(0, depth, 2):
            for odd in range(2):  # the compiler unrolls two, and not four
                p = pair + odd
                for m in range(0, high, 4):
                    read4(left, m, a, p * pitch + (m // 4) * down + ty * 4)
                for n in range(0, wide, 4):
                    read4(right, n, b, p * columns + (n // 4) * across + tx * 4)
                for m in range(high):
                    for n in range(wide):
                        sums[m, n] = fma(left[m], right[n], sums[m, n])

    return row_of, column_of, clear, multiply


def stage_of_matrix(kernel):
    """A word that fills ``b[p, c]`` with source[start + p * stride + c], and with zeros beyond height and width."""
    (_, columns, depth, _, _), threads, lanes, vector = kernel.tile, kernel.tile.threads, kernel.lanes, kernel.vector
    pieces = columns // lanes
    total = depth * pieces

    @device
    def stage(b, source, start, stride, height, width, t, zero):
        for v in range(t, total, threads):
            p = v // pieces
            c = (v % pieces) * lanes
            at = start + p * stride + c
            if vector and p < height and c < width:
                copy16(b, p * columns + c, source, at)
            else:
                for e in range(lanes):
                    b[p * columns + c + e] = load(source, at + e) if p < height and c + e < width else zero

    return stage


def stage_of_rows(kernel):
    """A word that fills ``a[p, r]`` with source[row of first + r, column + p], and with zeros beyond stop and size."""
    (rows, _, depth, _, _), threads, lanes, vector = kernel.tile, kernel.tile.threads, kernel.lanes, kernel.vector
    pieces, pitch = depth // lanes, rows + PAD
    total, row_at = rows * pieces, row_of_order(kernel)

    @device
    def stage(a, source, order, first, stop, down, across, column, size, held, t, zero):
        for v in range(t, total, threads):
            r = v // pieces
            c = (v % pieces) * lanes
            b = first + r
            for e in range(lanes):
                held[e] = zero
            if b < stop:
                at = row_at(order, b) * down + (column + c) * across
                if vector and column + c < size:
                    read16(held, 0, source, at)
                elif not vector:
                    for e in range(lanes):
                        if column + c + e < size:
                            held[e] = load(source, at + e * across)
            for e in range(lanes):
                a[(c + e) * pitch + r] = held[e]

    return stage


def stage_of_terms(kernel, width, pitch, scaled):
    """A word that fills ``s[p, c]`` with source[row of first + p, column + c], and with zeros beyond.

    ``scaled``: times the factor of the row.
    """
    depth, threads, lanes, vector = kernel.tile.depth, kernel.tile.threads, kernel.lanes, kernel.vector
    pieces = width // lanes
    total, row_at = depth * pieces, row_of_order(kernel)

    @device
    def stage(s, source, order, first, stop, size, column, factors, offset, down, held, t, zero):
        for v in range(t, total, threads):
            p = v // pieces
            c = (v % pieces) * lanes
            b = first + p
            for e in range(lanes):
                held[e] = zero
            if b < stop:
                row = row_at(order, b)
                if vector and column + c < size:
                    read16(held, 0, source, row * size + column + c)
                elif not vector:
                    for e in range(lanes):
                        if column + c + e < size:
                            held[e] = load(source, row * size + column + c + e)
                if scaled:
                    factor = load(factors, offset + row * down)
                    for e in range(lanes):
                        held[e] *= factor
            for e in range(lanes):
                s[p * pitch + c + e] = held[e]

    return stage


def row_of_order(kernel):
    """A word for the row in memory that is number b in the order of the weights."""
    segmented = kernel.segmented

    @device
    def row_at(order, b):
        return load(order, b) if segmented else b

    return row_at
