"""Words that bring a tile of factors from the device's memory to shared memory, with zeros beyond the edges."""

from .simt import copy16, device, load, read16


def stage_of_matrix(kernel):
    """A word that fills ``b[p, c]`` with source[start + p * stride + c], and with zeros beyond height and width."""
    (_, columns, depth, _, _), threads, lanes, vector = kernel.tile, kernel.tile.threads, kernel.lanes, kernel.vector
    pieces, pitch = columns // lanes, kernel.pitches[1]
    total = depth * pieces

    @device
    def stage(b, source, start, stride, height, width, t, zero):
        for v in range(t, total, threads):
            p = v // pieces
            c = (v % pieces) * lanes
            at = start + p * stride + c
            if vector and p < height and c < width:
                copy16(b, p * pitch + c, source, at)
            else:
                for e in range(lanes):
                    b[p * pitch + c + e] = load(source, at + e) if p < height and c + e < width else zero

    return stage


def stage_of_rows(kernel, width=None, pitch=None, scaled=False):
    """A word that fills ``a[p, r]`` with source[start + row of first + r, column + p], with zeros beyond stop and size.

    ``scaled``: times the factor of the row. ``width`` and ``pitch``: not those of ``a``.
    """
    depth, threads, lanes, vector = kernel.tile.depth, kernel.tile.threads, kernel.lanes, kernel.vector
    pieces, pitch = depth // lanes, pitch or kernel.pitches[0]
    total, row_at = (width or kernel.tile.rows) * pieces, row_of_order(kernel)

    @device
    def stage(a, source, start, order, first, stop, down, across, column, size, factors, offset, step, held, t, zero):
        for v in range(t, total, threads):
            r = v // pieces
            c = (v % pieces) * lanes
            b = first + r
            for e in range(lanes):
                held[e] = zero
            if b < stop:
                row = row_at(order, b)
                at = start + row * down + (column + c) * across
                if vector and column + c < size:
                    read16(held, 0, source, at)
                elif not vector:
                    for e in range(lanes):
                        if column + c + e < size:
                            held[e] = load(source, at + e * across)
                if scaled:
                    factor = load(factors, offset + row * step)
                    for e in range(lanes):
                        held[e] *= factor
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


def segment_of(kernel):
    """A word for the weight, the first row and the end of the rows of a tile; the table has room for empty ones."""
    rows, segmented = kernel.tile.rows, kernel.segmented

    @device
    def segment(segments, number, tiles, count):
        which = 0
        first = number * rows
        stop = count
        if segmented:
            which = load(segments, number)
            first = load(segments, tiles + number)
            stop = load(segments, 2 * tiles + number)
        return which, first, stop

    return segment
