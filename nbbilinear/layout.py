"""How the caller's arrays become the few axes a kernel knows, and back: views where memory allows it."""

from typing import Any, NamedTuple

import numpy as np

from .axes import Shape
from .problem import Problem

Array = Any


class Arrangement(NamedTuple):
    """An array of ``axes`` axes, seen with its axes in ``order`` (None: as they are) and merged to ``shape``."""

    axes: int
    order: Shape | None
    shape: Shape

    def view(self, array: Array) -> Array:
        """The array with its axes in order, not merged: always a view."""
        if array.ndim < self.axes:
            array = array.reshape((1,) * (self.axes - array.ndim) + array.shape)
        return array if self.order is None else array.transpose(self.order)

    def merged(self, array: Array) -> Array:
        """The array as the kernel knows it; a copy where its axes do not merge in memory."""
        if self.order is None and array.shape == self.shape:
            return array
        return self.view(array).reshape(self.shape)


class Layout(NamedTuple):
    """The arrangements of the kernel's operands; ``first`` is x2 where the problem is mirrored."""

    first: Arrangement
    second: Arrangement
    y: Arrangement
    weight: Shape
    weight_of_rows: Arrangement
    mirrored: bool


def lay_out(problem: Problem) -> Layout:
    """Derive the arrangements of a problem's operands."""
    axes, pairs = problem.axes, problem.structure == "pairs"
    shared, rows1, rows2 = (problem.shared,), (problem.rows1,), (problem.rows2,)
    k, in1, in2 = problem.out_features, problem.in1, problem.in2
    leading = len(axes.lead)

    def arrange(some: Shape, shape: Shape, features: int = 1) -> Arrangement:
        rest = tuple(axis for axis in range(leading) if axis not in some)
        order = (*some, *rest, *range(leading, leading + features))
        return Arrangement(leading + features, None if some == tuple(sorted(some)) else order, shape)

    return Layout(
        first=arrange(axes.shared + axes.only1, (*shared, *(rows1 if pairs else ()), in1)),
        second=arrange(axes.shared + axes.only2, (*shared, *(rows2 if pairs else ()), in2)),
        y=arrange(axes.shared + axes.only1 + axes.only2, (*shared, *((rows1 + rows2) if pairs else ()), k)),
        weight=(problem.weights, k, in1, in2),
        weight_of_rows=arrange(axes.shared + axes.only2, (problem.shared * problem.rows2,), features=0),
        mirrored=axes.mirrored,
    )


def is_plain(array: Array) -> bool:
    """Whether a kernel may fill an array where it lies: C-contiguous, aligned, writable, in native byte order."""
    if isinstance(array, np.ndarray):
        return array.flags.carray and array.dtype.isnative
    return bool(array.flags.c_contiguous)  # arrays on a device are all the rest


class Loan(NamedTuple):
    """Memory for a kernel to fill on behalf of a caller's array: the array's own where it fits."""

    lent: Array
    target: Array | None

    def settle(self, add: bool) -> None:
        """Bring what was filled to the caller's array, unless it is there already."""
        if self.target is None:
            return
        filled = self.lent.reshape(self.target.shape)
        if add:
            np.add(self.target, filled, out=self.target, casting="same_kind")
        else:
            np.copyto(self.target, filled, casting="same_kind")


def lend(array: Array, view: Array, shape: Shape, any_strides: bool, add: bool) -> Loan:
    """Return ``array``, of which ``view`` has the kernel's order, in ``shape``; else other memory of its dtype.

    That holds zeros where the kernel is going to add.
    """
    if array.shape == shape and view is array and is_plain(array):
        return Loan(array, None)
    if not isinstance(array, np.ndarray) or (array.flags.aligned and array.dtype.isnative):
        merged = view.reshape(shape)
        own = merged.size == 0 or np.may_share_memory(merged, array)
        if own and (any_strides or merged.flags.c_contiguous):
            return Loan(merged, None)
    new = np.zeros_like if add else np.empty_like
    return Loan(new(array, dtype=array.dtype.newbyteorder("="), order="C", shape=shape), view)
