"""Blocks of operands in memory of their own, and which rows and weights are in one."""

from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ...problem import Problem
from ..contract import KernelSet

Array = Any
Place = Any
Convert = Callable[[Array, Array], None]
ELEMENTS = 1 << 18  # of a block of x1 and x2, and of y; twice that of the weight: 4 MB of float32 in all


class Chunk(NamedTuple):
    """Weights that are converted together: which of the stack, and the rows that use them."""

    weights: Place
    members: Array | None  # the rows, those of a weight side by side; None: all
    local: Array | None  # for each member its weight, counted among ``weights``

    def rows(self, count: int, most: int) -> Iterator[tuple[Place, Array | None]]:
        """At most so many rows at a time, of ``count`` where all are meant, and the weight that each uses."""
        for start in range(0, count if self.members is None else len(self.members), most):
            here = slice(start, start + most)
            if self.members is None:
                yield slice(start, min(start + most, count)), None
            else:
                yield self.members[here], self.local[here]  # type: ignore[index]


def chunks(which: Array | None, most: int) -> Iterator[Chunk]:
    """At most so many weights at a time, only those that rows use."""
    if which is None:
        yield Chunk(slice(None), None, None)
        return
    order = np.argsort(which, kind="stable")
    used, first = np.unique(which[order], return_index=True)
    edges = [*first.tolist(), len(which)]
    for start in range(0, len(used), most):
        some = used[start : start + most]
        members = order[edges[start] : edges[min(start + most, len(used))]]
        yield Chunk(some, members, np.searchsorted(some, which[members]))


def fit(elements: int, per_item: int, items: int) -> int:
    """How many of ``items`` fit into so many elements; at least one."""
    return max(1, min(items, elements // max(1, per_item)))


class Buffers:
    """Flat memory: a part for each operand, as large as its largest block, and the rest for the kernel."""

    def __init__(self, kernel: KernelSet, convert: Convert, parts: Mapping[str, int], flat: Array) -> None:
        self.kernel, self.convert, self.parts = kernel, convert, {}
        begin = 0
        for name, size in parts.items():
            self.parts[name] = flat[begin : begin + size]
            begin += size
        self.rest = flat[begin:]

    def block(self, name: str, *shape: int) -> Array:
        """Memory for a block of this operand; it holds what was there."""
        return self.parts[name][: prod(shape)].reshape(shape)

    def read(self, name: str, source: Array) -> Array:
        """``source`` in the dtype to compute in."""
        block = self.block(name, *source.shape)
        self.convert(block, source)
        return block

    def begin(self, name: str, gradient: Array | None, place: tuple[Place, ...], accumulate: bool) -> Array | None:
        """What is added to: what the gradient holds at this place, or zeros."""
        if gradient is None:
            return None
        if accumulate:
            return self.read(name, gradient[place])
        block = self.block(name, *_shape(gradient.shape, place))
        block[...] = 0
        return block

    def write(self, target: Array | None, place: tuple[Place, ...], block: Array | None) -> None:
        """target[place] = block, rounded once."""
        if target is None or block is None:
            return
        if not all(isinstance(some, slice) for some in place):
            target[place] = block.astype(target.dtype)
        else:
            self.convert(target[place], block)

    def room(self, problem: Problem) -> Array | None:
        """What the kernel needs for a block. Some need more for a smaller one: they are given new memory."""
        need = self.kernel.workspace(problem)
        return self.rest[:need] if need <= len(self.rest) else np.empty_like(self.rest, shape=need)


def _shape(shape: tuple[int, ...], place: tuple[Place, ...]) -> tuple[int, ...]:
    """The shape of an array of ``shape`` at a place made of slices and index arrays."""
    sizes = (
        len(range(*some.indices(size))) if isinstance(some, slice) else len(some)
        for some, size in zip(place, shape, strict=False)
    )
    return (*sizes, *shape[len(place) :])
