"""Few non-zero numbers at given places: Clebsch-Gordan products and their like."""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any, ClassVar, Self

import numpy as np

from ..axes import Shape
from ..errors import ShapeError, report
from .cores import Sparse as SparseCore
from .cores.sparse import pattern
from .form import Form, Lead
from .steps import Term

Array = Any


class Sparse(Form):
    """W[k[z], i[z], j[z]] = values[z], zero elsewhere: ``y[b,k] = sum of values[z] x1[b,i[z]] x2[b,j[z]]``.

    Parameters
    ----------
    values : (places,) array
        The only parameter; a stack of forms shares the places.
    k, i, j : (places,) integer arrays
        In any order; sorted here, once. A place that is named twice counts twice.
    shape : (out, in1, in2)

    Raises
    ------
    ShapeError
        Places are outside the shape, or not as many as values.

    Notes
    -----
    Numbers: one for each place. Flop: rows, 3 for each place and row; all pairs, 2 n m for each different (k, i).
    Bytes: a number for each place and row, in blocks; no matrix is ever dense. Source: COO of ``scipy.sparse``;
    the Clebsch-Gordan products of e3nn.

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> cross = nbl.forms.Sparse(  # the cross product of vectors
    ...     [1.0, -1.0, 1.0, -1.0, 1.0, -1.0], k=[0, 0, 1, 1, 2, 2], i=[1, 2, 2, 0, 0, 1], j=[2, 1, 0, 2, 1, 0],
    ...     shape=(3, 3, 3),
    ... )
    >>> nbl.bilinear(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]), cross)
    array([0., 0., 1.])
    """

    axes: ClassVar = {"values": "z"}
    given = ("k", "i", "j")
    may_lack_outputs = False
    kernel = "sparse"

    def __init__(self, values: Array, k: Array, i: Array, j: Array, shape: tuple[int, int, int]) -> None:
        out, in1, in2 = shape
        places = {name: np.asarray(a, np.int64).reshape(-1) for name, a in (("k", k), ("i", i), ("j", j))}
        limits = dict(zip(places, shape, strict=True))
        faults = [
            f"{name} reaches from {a.min()} to {a.max()}, expected 0 <= {name} < {limits[name]}"
            for name, a in places.items()
            if a.size and (a.min() < 0 or a.max() >= limits[name])
        ]
        if {a.shape for a in places.values()} != {np.shape(values)[-1:]}:
            faults.append("values, k, i and j must be of one length")
        if faults:
            raise ShapeError(report("Sparse: places do not fit", faults, {"values": np.asarray(values), **places}))
        self.where = pattern((out, in1, in2), places["k"], places["i"], places["j"])
        super().__init__(values=values)

    @classmethod
    def of(
        cls, sizes: Mapping[str, int], draw: Callable[[Shape], Array], stack: Shape = (), *, out_axis: bool = True
    ) -> Form:
        """Return a form with drawn values at every second place, last first."""
        shape = (sizes["k"] if out_axis else 1, sizes["i"], sizes["j"])
        k, i, j = np.unravel_index(np.arange(prod(shape) - 1, -1, -2), shape) if prod(shape) else np.empty((3, 0), int)
        return cls(draw((*stack, len(k))), k, i, j, shape)

    @classmethod
    def at(cls, sizes: Mapping[str, int], draw: Callable[[Shape], Array], **given: Array) -> Form:
        """Return a form with drawn values at the places k, i, j."""
        return cls(draw((len(given["k"]),)), **given, shape=(sizes["k"], sizes["i"], sizes["j"]))

    def lead(self, *, indexed: bool) -> Lead:  # noqa: ARG002
        """The stack is that of the values; the out axis is always there."""
        return Lead(self.parameters["values"].shape[:-1], out_axis=True)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The core alone."""
        return (Term((), (), SparseCore(self.where)),)

    def define(self, p: Mapping[str, Array]) -> Array:
        """W[k,i,j] = the sum of values there."""
        values, where = p["values"], self.where
        whole = np.zeros((len(values), *where.shape), self.dtype)
        for one, own in zip(whole, values if where.order is None else values[:, where.order], strict=True):
            np.add.at(one, (where.k, where.i, where.j), own)
        return whole

    def replace(self, parameters: Mapping[str, Array]) -> Self:
        """Return a form with these values at the same places."""
        new = object.__new__(type(self))
        new.where = self.where
        Form.__init__(new, **parameters)
        return new

    def operands(self, parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        """Return the values in the order of the places, and these."""
        where = self.where
        values = parameters["values"] if where.order is None else parameters["values"][where.order]
        return values, where.k, where.i, where.j

    def _known(self) -> dict[str, int]:
        return dict(zip("kij", self.where.shape, strict=True))
