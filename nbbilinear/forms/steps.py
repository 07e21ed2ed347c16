"""What forms are made of: maps before and after a core, and the parameters bound for them.

``y = sum over terms of last(core(first(x1), second(x2)))``. A map takes and returns (rows, ...) arrays. A core takes u
(shared, n, ...) and v (shared, m, ...), and gives z (shared, n, m, ...): what each does where every row meets every row
is its own affair. Nothing here knows a form.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..axes import Shape

Array = Any


class Lay(Protocol):
    """How a step wants a parameter: another order of axes, or a linear function of it."""

    def bind(self, array: Array) -> Array:
        """Return the parameter as the step wants it."""
        ...

    def settle(self, gradient: Array) -> Array:
        """Return the gradient of the parameter from that of what was bound: the adjoint of ``bind``."""
        ...


class Plain(NamedTuple):
    """The parameter as it is."""

    def bind(self, array: Array) -> Array:
        """Return the array."""
        return array

    def settle(self, gradient: Array) -> Array:
        """Return the gradient."""
        return gradient


class Order(NamedTuple):
    """The parameter with its axes, named by letters, in another order, and contiguous."""

    have: str
    want: str

    def bind(self, array: Array) -> Array:
        """Return the array in the wanted order."""
        return np.ascontiguousarray(array.transpose([self.have.index(letter) for letter in self.want]))

    def settle(self, gradient: Array) -> Array:
        """Return the gradient in the parameter's order."""
        return gradient.transpose([self.want.index(letter) for letter in self.have])


class Fold(NamedTuple):
    """The symmetric part (``sign`` 1) or the antisymmetric one (-1) of the last two axes: its own adjoint."""

    sign: int

    def bind(self, array: Array) -> Array:
        """Return half of the array and its transpose."""
        return (array + self.sign * array.swapaxes(-1, -2)) / 2

    def settle(self, gradient: Array) -> Array:
        """Return the same part of the gradient."""
        return self.bind(gradient)


class Bound(NamedTuple):
    """Parameters as the steps want them, the gradients to add to (None: not wanted), and the sizes by letter.

    ``memo`` is the form's, for what follows from its sizes.
    With ``which`` (shared, m) the parameters are a whole stack, and it names the form that each row of v uses.
    """

    arrays: Mapping[str, Array]
    gradients: dict[str, Array] | None
    sizes: Mapping[str, int]
    backend: str | None
    memo: dict[Any, Any]
    which: Array | None = None

    def at(self, s: slice, m: slice) -> "Bound":
        """The same for some of the rows."""
        return self if self.which is None else self._replace(which=self.which[s, m])

    def add(self, name: str, gradient: Array) -> None:
        """Add to the gradient of a bound parameter; the first array to come is kept, and added to."""
        if self.gradients is None:
            return
        if name in self.gradients:
            np.add(self.gradients[name], gradient, out=self.gradients[name])
        else:
            self.gradients[name] = gradient

    def total(self, name: str) -> Array:
        """Return the gradient of a bound parameter, zeros where nothing was added yet; it may be written to."""
        if self.gradients is None or name not in self.gradients:
            zeros = np.zeros_like(self.arrays[name])
            if self.gradients is not None:
                self.gradients[name] = zeros
            return zeros
        return self.gradients[name]


class Map(Protocol):
    """A linear map of rows."""

    @property
    def uses(self) -> Mapping[str, Lay]:
        """The parameters of the map, and how it wants them."""
        ...

    def apply(self, x: Array, p: Bound) -> Array:
        """Return the mapped rows."""
        ...

    def pull(self, g: Array, x: Array, p: Bound, wanted: bool, out: Array | None = None) -> Array | None:
        """Add the parameters' gradients to ``p``; return that of x where it is wanted, in ``out`` if that saves a copy.

        ``out`` has x's shape and g's dtype.
        """
        ...

    def flop(self, features: Shape, p: Bound) -> int:
        """Return the multiplications and additions for a row with features of this shape."""
        ...


class Core(Protocol):
    """A product of rows u and v, linear in both and in its parameters."""

    @property
    def by_row(self) -> bool:
        """Whether the core takes ``which``."""
        ...

    @property
    def uses(self) -> Mapping[str, Lay]:
        """The parameters of the core, and how it wants them."""
        ...

    def numbers(self, p: Bound) -> int:
        """Return how many numbers the core holds for each row of v, beside u and v."""
        ...

    def apply(self, u: Array, v: Array, p: Bound) -> Array:
        """Return z[s,n,m] from u[s,n] and v[s,m]."""
        ...

    def pull(self, g: Array, u: Array, v: Array, p: Bound, wanted: tuple[bool, bool]) -> tuple[Array, Array]:
        """Add the parameters' gradients to ``p``; return those of u and v, None where not wanted."""
        ...

    def flop(self, rows: tuple[int, int, int], u: Shape, v: Shape, p: Bound) -> int:
        """Return the multiplications and additions for rows (shared, n, m) with features of these shapes."""
        ...

    def exchange(self) -> "Core":
        """Return the same product with u and v in each other's place."""
        ...


class Term(NamedTuple):
    """Maps around a core. A form is a sum of these.

    A core with ``by_row`` takes a stack of parameters and the form that each row uses; others take one form at a time.
    """

    first: tuple[Map, ...]
    second: tuple[Map, ...]
    core: Core
    last: tuple[Map, ...] = ()

    @property
    def by_row(self) -> bool:
        """Whether rows that use different forms of a stack can be computed together."""
        return self.core.by_row and not any(step.uses for step in (*self.first, *self.second, *self.last))

    @property
    def uses(self) -> dict[str, Lay]:
        """The parameters of all steps, and how they want them."""
        steps: tuple[Map | Core, ...] = (*self.first, *self.second, self.core, *self.last)
        return {name: lay for step in steps for name, lay in step.uses.items()}

    def exchange(self) -> "Term":
        """Return the same term with x1 and x2 in each other's place."""
        return Term(self.second, self.first, self.core.exchange(), self.last)
