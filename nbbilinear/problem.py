"""What is to be computed: sizes, dtype and structure, checked once per set of shapes."""

from math import prod
from typing import NamedTuple

import numpy as np

from .axes import Axes, Shape, sort_axes
from .errors import MisfitError


class Signature(NamedTuple):
    """All that the choice of a plan depends on; hashable. ``wrt`` names the wanted gradients, forward has none.

    ``dtype`` is computed in; ``uniform``: operands are stored in it too. ``stored``: all are stored in this other one.
    """

    x1: Shape
    x2: Shape
    weight: Shape
    bias: Shape | None
    index: Shape | None  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    dtype: np.dtype
    wrt: tuple[str, ...] = ()
    lead: Shape | None = None  # given where stride-0 axes of the operands were collapsed
    uniform: bool = True
    stored: str | None = None


class Problem(NamedTuple):
    """The product as a kernel meets it.

    ``rows``: out[s] = x1[s] W x2[s] for ``shared`` rows s.
    ``pairs``: out[s, n, m] = x1[s, n] W x2[s, m] for ``rows1`` n and ``rows2`` m.
    ``weights`` stacks of ``out_features`` matrices; where ``selected``, every row of x2 names the one it uses.
    """

    axes: Axes
    shared: int
    rows1: int
    rows2: int
    in1: int
    in2: int
    out_features: int
    weights: int
    selected: bool
    dtype: np.dtype
    wrt: tuple[str, ...]
    out_axis: bool
    fused_bias: bool

    @property
    def structure(self) -> str:
        """``"rows"`` or ``"pairs"``."""
        return self.axes.structure

    @property
    def out_shape(self) -> Shape:
        """The shape of y."""
        return (*self.axes.lead, self.out_features) if self.out_axis else self.axes.lead

    @property
    def is_empty(self) -> bool:
        """Whether nothing is multiplied: y is then the bias, or has no elements."""
        return 0 in (self.shared, self.rows1, self.rows2, self.in1, self.in2, self.out_features, *self.axes.lead)

    def __str__(self) -> str:
        rows = f"shared {self.shared} x rows1 {self.rows1} x rows2 {self.rows2}"
        sizes = f"in1 {self.in1}, in2 {self.in2}, out {self.out_features}, weights {self.weights}"
        return f"{self.structure}: {rows}, {sizes}, {self.dtype}"

    def mirror(self) -> "Problem":
        """The same product with x1 and x2 in each other's place."""
        swap = {"x1": "x2", "x2": "x1"}
        return self._replace(
            axes=self.axes.mirror(),
            rows1=self.rows2,
            rows2=self.rows1,
            in1=self.in2,
            in2=self.in1,
            wrt=tuple(swap.get(name, name) for name in self.wrt),
        )


def state(signature: Signature) -> Problem:
    """State the problem; raise MisfitError where the shapes do not fit."""
    weight, index = signature.weight, signature.index
    _check(signature)
    in1, in2 = weight[-2:]
    out_axis = len(weight) >= (3 if index is None else 4)
    out_features = weight[-3] if out_axis else 1
    lead_weight = weight[:-3] if index is None else index
    lead1, lead2 = signature.x1[:-1], signature.x2[:-1]
    lead = np.broadcast_shapes(lead1, lead2, lead_weight) if signature.lead is None else signature.lead
    axes = sort_axes(lead, lead1, lead2, lead_weight)
    _check_bias(signature, (*lead, out_features) if out_axis else lead, out_axis)
    shared, rows1, rows2 = (axes.count(some) for some in (axes.shared, axes.only1, axes.only2))
    if axes.mirrored:
        in1, in2 = in2, in1
    problem = Problem(
        axes, shared, rows1, rows2, in1, in2, out_features,
        weights=weight[0] if index is not None else prod(lead_weight),
        selected=index is not None or prod(lead_weight) != 1,
        dtype=signature.dtype,
        wrt=signature.wrt,
        out_axis=out_axis,
        fused_bias=_is_fused(signature, out_axis),
    )  # fmt: skip
    if axes.mirrored:
        swap = {"x1": "x2", "x2": "x1"}
        problem = problem._replace(wrt=tuple(swap.get(name, name) for name in problem.wrt))
    return problem


def _is_fused(signature: Signature, out_axis: bool) -> bool:
    """Whether the bias is one number per weight and output, which kernels add; other shapes are added after."""
    if signature.bias is None:
        return False
    if signature.index is not None:
        return True
    return prod(signature.weight[:-3]) == 1 and len(signature.bias) == int(out_axis)


def _check(signature: Signature) -> None:
    x1, x2, weight, index = signature.x1, signature.x2, signature.weight, signature.index
    faults = [f"{name} must have a features axis, got a scalar" for name, a in (("x1", x1), ("x2", x2)) if not a]
    if len(weight) < 2:
        faults.append(f"weight must be (out, in1, in2), or (in1, in2) without an out axis; got {len(weight)} axes")
    if index is not None and len(weight) not in (3, 4):
        faults.append(f"with index, weight must be (count, in1, in2) or (count, out, in1, in2); got {len(weight)} axes")
    if not faults:
        in1, in2 = weight[-2:]
        if x1[-1] != in1:
            faults.append(f"x1 has {x1[-1]} features, weight expects in1={in1}")
        if x2[-1] != in2:
            faults.append(f"x2 has {x2[-1]} features, weight expects in2={in2}")
        rows = {"x1": x1[:-1], "x2": x2[:-1], "weight": weight[:-3]} | ({} if index is None else {"index": index})
        if index is not None:
            del rows["weight"]
        try:
            np.broadcast_shapes(*rows.values())
        except ValueError:
            shapes = ", ".join(f"{name} {shape}" for name, shape in rows.items() if shape)
            faults.append(
                f"leading axes do not broadcast: {shapes}; for every row of x1 with every row of x2 use bilinear_pairs"
            )
    if faults:
        raise MisfitError(*faults)


def _check_bias(signature: Signature, out_shape: Shape, out_axis: bool) -> None:
    bias, weight = signature.bias, signature.weight
    if bias is None:
        return
    if signature.index is not None:
        expected = weight[:-2]
        if bias != expected:
            raise MisfitError(f"with index, bias must have shape {expected}, one per weight, got {bias}")
        return
    fits = len(bias) <= len(out_shape) and all(
        own in (1, size) for own, size in zip(reversed(bias), reversed(out_shape), strict=False)
    )
    if out_axis and (not bias or bias[-1] != weight[-3]):
        raise MisfitError(f"bias must end in out_features={weight[-3]}, got shape {bias}")
    if not fits:
        raise MisfitError(f"bias of shape {bias} does not broadcast to y of shape {out_shape}")
