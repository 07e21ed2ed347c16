"""How a tile of sums is spread over threads, and how staged factors are added to it.

Everything else in a kernel is the same for all products: a thread has some rows, ``row_of(m, ty)``, by some columns,
``column_of(n, tx)``, and is at (ty, tx) among the threads.
"""

from typing import Any, NamedTuple

from .simt import device, fma, load, mma, read4, tf32
from .tiles import KINDS, Kernel

Word = Any


class Product(NamedTuple):
    """Words for a tile; ``left`` and ``right`` are how many numbers of ``a`` and of ``b`` a thread holds at a time."""

    place: Word
    row_of: Word
    column_of: Word
    clear: Word
    multiply: Word
    left: int
    right: int


def product_of(kernel: Kernel, scaled: bool = False) -> Product:
    """The words of a kernel; ``scaled``: the factors in ``a`` are products, which half floats cannot hold."""
    found: Product = _tensor(kernel, scaled) if kernel.tensor else _fused(kernel)
    return found


def _clear(tile):
    high, wide = tile.high, tile.wide

    @device
    def clear(sums, zero):
        for m in range(high):
            for n in range(wide):
                sums[m, n] = zero

    return clear


def _fused(kernel):
    """Fused multiply-adds: sums in groups of four, so that 16 bytes are read at a time, side by side."""
    rows, columns, depth, high, wide = kernel.tile
    pitch, pitch_b = kernel.pitches
    down, across, threads_across = rows // high * 4, columns // wide * 4, columns // wide

    @device
    def place(t):
        return t // threads_across, t % threads_across

    @device
    def row_of(m, ty):
        return (m // 4) * down + ty * 4 + m % 4

    @device
    def column_of(n, tx):
        return (n // 4) * across + tx * 4 + n % 4

    @device
    def multiply(a, b, left, right, sums, ty, tx):
        for pair in range(0, depth, 2):
            for odd in range(2):  # the compiler unrolls two, and not four
                p = pair + odd
                for m in range(0, high, 4):
                    read4(left, m, a, p * pitch + (m // 4) * down + ty * 4)
                for n in range(0, wide, 4):
                    read4(right, n, b, p * pitch_b + (n // 4) * across + tx * 4)
                for m in range(high):
                    for n in range(wide):
                        sums[m, n] = fma(left[m], right[n], sums[m, n])

    return Product(place, row_of, column_of, _clear(kernel.tile), multiply, high, wide)


def _tensor(kernel, scaled):
    """Tensor cores: a warp has 8 * high rows by 4 * wide columns, in tiles of 16 by 8, and takes 8 terms at a time.

    A factor x is split into h + l with h = x rounded to 11 bits, l = x - h likewise; l l is left out, as 2^-22 of the
    product. The smaller products are added first.
    """
    _, columns, depth, high, wide = kernel.tile
    pitch, pitch_b = kernel.pitches
    warp_rows, warp_columns = 8 * high, 4 * wide
    warps_across, count_a, count_b = columns // warp_columns, 2 * high, wide
    parts_a, parts_b = KINDS[kernel.kind].parts
    halves = KINDS[kernel.kind].halves
    if halves and scaled:
        parts_a = 2
    rounded_a, rounded_b = not halves or scaled, not halves

    @device
    def place(t):
        warp, lane = t // 32, t % 32
        return warp // warps_across * 8 + lane // 4, warp % warps_across * 4 + lane % 4

    @device
    def row_of(m, ty):
        return ty // 8 * warp_rows + (m // 2) * 16 + m % 2 * 8 + ty % 8

    @device
    def column_of(n, tx):
        return tx // 4 * warp_columns + (n // 2) * 8 + tx % 4 * 2 + n % 2

    @device
    def split(numbers, count, parts, rounded):
        if rounded:
            for e in range(count):
                high_part = tf32(numbers[e])
                if parts == 2:
                    numbers[count + e] = tf32(numbers[e] - high_part)
                numbers[e] = high_part

    @device
    def add(sums, left, right, from_a, from_b):
        for m in range(0, high, 2):
            for n in range(0, wide, 2):
                at, to = from_a + 2 * m, from_b + n
                sums[m, n], sums[m, n + 1], sums[m + 1, n], sums[m + 1, n + 1] = mma(
                    left[at], left[at + 1], left[at + 2], left[at + 3], right[to], right[to + 1],
                    sums[m, n], sums[m, n + 1], sums[m + 1, n], sums[m + 1, n + 1],
                )  # fmt: skip

    @device
    def multiply(a, b, left, right, sums, ty, tx):
        group, lane = ty % 8, tx % 4
        first_a = lane * pitch + ty // 8 * warp_rows + group
        first_b = lane * pitch_b + tx // 4 * warp_columns + group
        for p in range(0, depth, 8):
            for m in range(0, high, 2):
                at = first_a + p * pitch + m * 8
                left[2 * m] = load(a, at)
                left[2 * m + 1] = load(a, at + 8)
                left[2 * m + 2] = load(a, at + 4 * pitch)
                left[2 * m + 3] = load(a, at + 4 * pitch + 8)
            for n in range(0, wide, 2):
                at = first_b + p * pitch_b + n * 4
                right[n] = load(b, at)
                right[n + 1] = load(b, at + 4 * pitch_b)
            split(left, count_a, parts_a, rounded_a)
            split(right, count_b, parts_b, rounded_b)
            if parts_a == 2:
                add(sums, left, right, count_a, 0)
            if parts_b == 2:
                add(sums, left, right, 0, count_b)
            add(sums, left, right, 0, 0)

    sizes = count_a * parts_a, count_b * parts_b
    return Product(place, row_of, column_of, _clear(kernel.tile), multiply, *sizes)
