"""What a form is: named parameters that stand for a weight (out, in1, in2), and the terms that multiply with it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from math import prod
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from ..axes import Shape
from ..devices import is_cupy
from ..errors import BackendError, DTypeError, ShapeError, report
from ..kinds import as_arrays
from .steps import Term

Array = Any


class Lead(NamedTuple):
    """The axes before the letters: of a stack of forms, and whether there is one of outputs."""

    stack: Shape
    out_axis: bool


class Form(ABC):
    """A weight by its parameters. Goes wherever a weight goes; never made in full, but by :meth:`expand`.

    Parameters
    ----------
    **parameters : float arrays
        ``axes`` of the class names the axes of each by letters. The letter ``k`` (outputs) may be left out in all: y
        then has no out axis. Axes before the letters make a stack of forms, as those of a weight do; a parameter that
        all forms of a stack share has size 1 there.

    Attributes
    ----------
    parameters : dict of name to array
    shape, ndim, dtype
        Those of the weight.

    Raises
    ------
    ShapeError
        Sizes of one letter differ, or the axes are too few.
    DTypeError
        A parameter is not of numbers.
    BackendError
        A parameter is on a CUDA device.

    Notes
    -----
    A form is not changed by a product, and refers to its parameters without a copy.
    """

    axes: ClassVar[Mapping[str, str]]
    sides: ClassVar[tuple[str, str]] = ("i", "j")
    fixed: ClassVar[Mapping[str, int]] = {}
    options: ClassVar[Mapping[str, str]] = {}
    given: ClassVar[tuple[str, ...]] = ()
    factors: ClassVar[int | None] = None
    appends_ones: ClassVar[bool] = False
    may_lack_outputs: ClassVar[bool] = True
    kernel: ClassVar[str | None] = None  # the file of the numba backend's forms that computes rows at once

    def __init__(self, **parameters: Array | None) -> None:
        owner = type(self).__name__
        given = {name: a for name, a in parameters.items() if a is not None}
        self.parameters: dict[str, Array] = as_arrays(owner, given)[0]
        of_numpy = all(type(a) is np.ndarray for a in self.parameters.values())
        if not of_numpy and any(map(is_cupy, self.parameters.values())):
            fault = "parameters are arrays of cupy, and forms are computed on the CPU: pass x.get()"
            raise BackendError(report(f"{owner}: parameters cannot be used", [fault], self.parameters))
        wrong = [name for name, a in self.parameters.items() if a.dtype.kind not in "fiu" or a.dtype.itemsize < 4]
        if wrong:
            faults = [f"{name} has dtype {self.parameters[name].dtype}; expected float32 or float64" for name in wrong]
            raise DTypeError(report(f"{owner}: parameters cannot be used", faults, self.parameters))
        self.dtype: np.dtype[Any] = np.result_type(*self.parameters.values())
        self.uneven = False
        self.sizes = self._sizes()
        lead = self.lead(indexed=False)
        outputs = (self.sizes["k"],) if lead.out_axis else ()
        self.shape: Shape = (*lead.stack, *outputs, *(prod(self.sizes[one] for one in side) for side in self.sides))
        self.ndim = len(self.shape)
        self.is_plain = of_numpy and lead.out_axis and not (lead.stack or self.uneven)  # letters, and no axes more
        self.memo: dict[Any, Any] = {}  # what follows from sizes alone, kept by those who count: a few entries

    @classmethod
    def of(
        cls, sizes: Mapping[str, int], draw: Callable[[Shape], Array], stack: Shape = (), *, out_axis: bool = True
    ) -> "Form":
        """Return a form whose parameters are drawn, by the sizes of the letters of ``axes``.

        Examples
        --------
        >>> from nbbilinear.forms import LowRank
        >>> LowRank.of({"k": 5, "i": 3, "j": 4, "r": 2}, np.zeros)
        LowRank(u=(5, 3, 2), v=(5, 4, 2), float64)
        """
        found = {
            name: draw((*stack, *(sizes[letter] for letter in letters if letter != "k" or out_axis)))
            for name, letters in cls.axes.items()
        }
        return cls(**found)

    @classmethod
    def at(cls, sizes: Mapping[str, int], draw: Callable[[Shape], Array], **given: Array) -> "Form":  # noqa: ARG003
        """Return a form whose parameters are drawn, from what else its constructor needs: the names in ``given``."""
        return cls.of(sizes, draw)

    @property
    @abstractmethod
    def terms(self) -> tuple[Term, ...]:
        """The maps and cores whose sum is the product with this weight."""

    @abstractmethod
    def define(self, p: Mapping[str, Array]) -> Array:
        """Return the weights (count, out, in1, in2), from parameters with both leading axes: the definition."""

    def expand(self) -> Array:
        """Return the weight in full, of :attr:`shape`: what the form stands for. For tests and small sizes.

        Forms that append ones (biaffine) give ``(out, in1 + 1, in2 + 1)``, for inputs that end in a one.
        """
        lead = self.lead(indexed=False)
        whole = self.define(self.parts(lead))
        return whole.reshape(*lead.stack, *(whole.shape[1:2] if lead.out_axis else ()), *whole.shape[2:])

    def lead(self, *, indexed: bool) -> Lead:
        """Tell a stack from outputs; where every parameter has both, ``indexed`` decides, as it does for a weight."""
        stack, with_out = self._leading()
        if with_out is None or stack is None:
            longest = max(with_out or [stack or ()], key=prod)
            out_axis = stack is None and len(longest) >= (2 if indexed else 1)
            return Lead(longest[:-1] if out_axis else longest, out_axis)
        out_axis = len(with_out[0]) == len(stack) + 1
        found = max([stack, *(shape[: len(stack)] for shape in with_out)], key=prod)
        return Lead(found, out_axis)

    def parts(self, lead: Lead) -> dict[str, Array]:
        """Return the parameters as (count or 1, out, ...) arrays, (count or 1, ...) where they have no outputs."""
        found = {}
        for name, a in self.parameters.items():
            letters = self.axes[name]
            stack = a.shape[: len(lead.stack)]
            absent = (1,) if letters[:1] == "k" and not lead.out_axis else ()
            found[name] = a.reshape(prod(stack), *absent, *a.shape[len(lead.stack) :])
        return found

    def replace(self, parameters: Mapping[str, Array]) -> Self:
        """Return a form of the same kind, with these parameters."""
        return type(self)(**parameters)

    def map(self, function: Callable[[Array], Array]) -> Self:
        """Return a form of the same kind, a function applied to every parameter.

        Examples
        --------
        >>> from nbbilinear.forms import Diagonal
        >>> Diagonal([1.0, 2.0]).map(np.zeros_like).parameters
        {'weight': array([0., 0.])}
        """
        return self.replace({name: function(a) for name, a in self.parameters.items()})

    def operands(self, parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        """Return what the kernel takes beside x1 and x2, from parameters that are plain."""
        return tuple(parameters.values())

    def blank(self) -> Array:
        """Return an array of the weight's shape and dtype that takes no memory, for shapes to be checked by."""
        return np.broadcast_to(np.zeros((), self.dtype), self.shape)

    def _leading(self) -> tuple[Shape | None, list[Shape] | None]:
        """What stands before the letters: of parameters without outputs, and of those with (None: there are none)."""
        without = [a.shape[: a.ndim - len(self.axes[n])] for n, a in self.parameters.items() if "k" not in self.axes[n]]
        with_out = [
            a.shape[: a.ndim + 1 - len(self.axes[n])] for n, a in self.parameters.items() if "k" in self.axes[n]
        ]
        return max(without, key=prod) if without else None, with_out or None

    def _sizes(self) -> dict[str, int]:
        """The size of every letter; ShapeError where parameters disagree."""
        owner, faults = type(self).__name__, []
        found = self._known()
        for name, a in self.parameters.items():
            letters = self.axes[name].removeprefix("k")
            if a.ndim < len(letters):
                faults.append(f"{name} must end in axes {', '.join(letters)}, got {a.ndim} axes")
                continue
            for letter, size in zip(letters, a.shape[a.ndim - len(letters) :], strict=True):
                if found.setdefault(letter, size) != size:
                    faults.append(f"{name} has {letter}={size}, another parameter {letter}={found[letter]}")
        if not faults:
            faults = self._check_lead(found)
        if faults:
            expected = ", ".join(f"{name} ({', '.join(self.axes[name])})" for name in self.parameters)
            message = f"{owner}: parameters do not fit; expected axes {expected}"
            raise ShapeError(report(message, faults, self.parameters))
        return found

    def _known(self) -> dict[str, int]:
        """The sizes that do not come from parameters."""
        return dict(self.fixed)

    def _check_lead(self, found: dict[str, int]) -> list[str]:
        """Enter the number of outputs; say what is wrong with the axes before the letters."""
        stack, with_out = self._leading()
        if with_out is None:
            found.setdefault("k", 1)
            return []
        if len({len(shape) for shape in with_out}) > 1:
            return ["parameters differ in the number of axes before their letters"]
        if stack is not None and len(with_out[0]) - len(stack) not in (0, 1):
            return ["parameters differ in the number of stack axes; one that is shared has size 1 there"]
        lead = self.lead(indexed=False)
        outputs = {shape[-1] for shape in with_out} if lead.out_axis else {1}
        found["k"] = max(outputs)
        self.uneven = len(outputs) > 1  # a stack without outputs, one parameter shared: to be used with index only
        if len(outputs - {1}) > 1 or (self.uneven and (stack is not None or lead.stack)):
            return ["parameters differ in the number of outputs"]
        every = [*(shape[: len(lead.stack)] for shape in with_out), *([] if stack is None else [stack])]
        if any(shape not in (lead.stack, (1,) * len(lead.stack)) for shape in every):
            return [f"a stack axis must have the same size in all parameters, or 1 in one that all share: {every}"]
        return []

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name}={a.shape}" for name, a in self.parameters.items())
        return f"{type(self).__name__}({shapes}, {self.dtype})"
