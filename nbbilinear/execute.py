"""Carry out a chosen kernel on the caller's arrays: slice, arrange, lend memory, call, settle."""

from typing import Any, NamedTuple

import numpy as np

from .axes import Axes, Shape
from .backends.contract import Backend, KernelSet
from .backends.gemm.accumulate import bias_gradient
from .layout import Arrangement, Layout, Loan, is_plain, lend
from .problem import Problem

Array = Any


class Choice(NamedTuple):
    """A kernel of a backend, the problem as it would meet it, and what that is expected to take.

    ``straight``: one call of the kernel does it, on y as it is. ``as_stored``: the kernel takes operands unconverted.
    """

    kernel: KernelSet
    backend: Backend
    problem: Problem
    layout: Layout
    seconds: float
    workspace: int
    straight: bool
    as_stored: bool = True

    @property
    def label(self) -> str:
        """The kernel's name, and whether x1 and x2 change places."""
        return self.kernel.name + (" (x1 and x2 exchanged)" if self.problem.axes.mirrored else "")

    def scratch(self) -> Array | None:
        """New memory for the kernel to work in; None where it needs none."""
        return self.backend.empty(self.workspace, self.problem.dtype) if self.workspace else None


class BilinearGrads(NamedTuple):
    """Gradients of the operands; None where one is not wanted."""

    x1: Array | None = None
    x2: Array | None = None
    weight: Array | None = None
    bias: Array | None = None


def forward(
    choice: Choice, x1: Array, x2: Array, weight: Array, bias: Array | None, index: Array | None,
    out: Array, workspace: Array | None,
) -> None:  # fmt: skip
    """Fill ``out``. Operands have the shapes the choice was made for."""
    problem = choice.problem
    fused = bias if problem.fused_bias else None
    if bias is not None and fused is None and out.dtype != problem.dtype:
        unrounded = choice.backend.empty(out.shape, problem.dtype)
        forward(choice, x1, x2, weight, bias, index, unrounded, workspace)
        choice.backend.convert(out, unrounded)
        return
    if choice.straight:
        _forward(choice, x1, x2, weight, fused, None, out, workspace)
    elif problem.is_empty:
        out[...] = 0
        if fused is not None and out.size:
            out += fused if index is None else fused[index]
    else:
        axes, y = problem.axes, out if problem.out_axis else out[..., None]
        which = _chosen_weights(choice, weight, index) if problem.selected else None
        once = _at(y, axes, axes.repeated, (0,) * len(axes.repeated))
        for place in np.ndindex(*axes.sizes(axes.split)):
            x1_here, x2_here, y_here = (_at(a, axes, axes.split, place) for a in (x1, x2, once))
            rows = None if which is None else _weight_of_rows(choice, which, place)
            _forward(choice, x1_here, x2_here, weight, fused, rows, y_here, workspace)
        if axes.repeated:
            y[...] = once
    if bias is not None and fused is None:
        out += bias


def backward(
    choice: Choice, grad_output: Array, x1: Array, x2: Array, weight: Array, index: Array | None,
    gradients: BilinearGrads, workspace: Array | None, accumulate: bool,
) -> None:  # fmt: skip
    """Fill the gradients that are wanted, or add to them."""
    problem, axes = choice.problem, choice.problem.axes
    if axes.split and any(gradient is not None and gradient.dtype != problem.dtype for gradient in gradients):
        backward_unrounded(choice, grad_output, x1, x2, weight, index, gradients, workspace, accumulate)
        return
    g = grad_output if problem.out_axis else grad_output[..., None]
    if gradients.bias is not None and (problem.is_empty or not problem.fused_bias):
        _backward_bias(choice, grad_output, index, gradients.bias, accumulate)
        gradients = gradients._replace(bias=None)
    if not accumulate and (problem.is_empty or axes.split):
        for gradient in gradients:
            if gradient is not None:
                gradient[...] = 0
    if problem.is_empty:
        return
    if not problem.selected:
        _backward(choice, g, x1, x2, weight, None, gradients, workspace, accumulate)
        return
    which = _chosen_weights(choice, weight, index)
    for place in np.ndindex(*axes.sizes(axes.split)):
        g_here, x1_here, x2_here, dx1, dx2 = (
            _at(a, axes, axes.split, place) for a in (g, x1, x2, gradients.x1, gradients.x2)
        )
        rows = _weight_of_rows(choice, which, place)
        wanted = gradients._replace(x1=dx1, x2=dx2)
        _backward(choice, g_here, x1_here, x2_here, weight, rows, wanted, workspace, accumulate or bool(axes.split))


def backward_unrounded(
    choice: Choice, grad_output: Array, x1: Array, x2: Array, weight: Array, index: Array | None,
    gradients: BilinearGrads, workspace: Array | None, accumulate: bool,
) -> None:  # fmt: skip
    """As :func:`backward`, in other memory: what is added to the same gradients bit by bit is to be rounded once."""
    whole = BilinearGrads(*(None if a is None else a.astype(choice.problem.dtype) for a in gradients))
    backward(choice, grad_output, x1, x2, weight, index, whole, workspace, accumulate)
    for gradient, unrounded in zip(gradients, whole, strict=True):
        if gradient is not None:
            choice.backend.convert(gradient, unrounded)


def _forward(
    choice: Choice, x1: Array, x2: Array, weight: Array, bias: Array | None, which: Array | None,
    y: Array, workspace: Array | None,
) -> None:  # fmt: skip
    layout, problem, prepare = choice.layout, choice.problem, choice.backend.prepare
    first, second = (x2, x1) if layout.mirrored else (x1, x2)
    loan = Loan(y, None)
    if y.shape != layout.y.shape or layout.y.order is not None or not is_plain(y):
        loan = lend(y, layout.y.view(y), layout.y.shape, any_strides=True, add=False)
    choice.kernel.forward(
        prepare(layout.first.merged(first)),
        prepare(layout.second.merged(second)),
        _prepared_weight(weight, choice),
        None if bias is None else prepare(bias.reshape(-1, problem.out_features)),
        which,
        loan.lent,
        workspace,
    )
    loan.settle(add=False)


def _backward(
    choice: Choice, g: Array, x1: Array, x2: Array, weight: Array, which: Array | None,
    gradients: BilinearGrads, workspace: Array | None, accumulate: bool,
) -> None:  # fmt: skip
    layout, problem, prepare = choice.layout, choice.problem, choice.backend.prepare
    first, second, wanted = x1, x2, gradients
    if layout.mirrored:
        first, second, wanted = x2, x1, gradients._replace(x1=gradients.x2, x2=gradients.x1)

    def loan(gradient: Array, arrangement: Arrangement | None, shape: Shape, any_strides: bool = False) -> Loan:
        if gradient is None:
            return Loan(None, None)
        view = gradient if arrangement is None else arrangement.view(gradient)
        return lend(gradient, view, shape, any_strides, add=accumulate)

    loans = (
        loan(wanted.x1, layout.first, layout.first.shape),
        loan(wanted.x2, layout.second, layout.second.shape),
        loan(_turned(wanted.weight, choice), None, layout.weight, any_strides=layout.mirrored),
        loan(wanted.bias, None, (problem.weights if problem.selected else 1, problem.out_features)),
    )
    choice.kernel.backward(
        choice.backend.prepare_strided(layout.y.merged(g)),
        prepare(layout.first.merged(first)),
        prepare(layout.second.merged(second)),
        _prepared_weight(weight, choice),
        which,
        *(one.lent for one in loans),
        workspace,
        accumulate,
    )
    for one in loans:
        one.settle(accumulate)


def _turned(weight: Array | None, choice: Choice) -> Array:
    """The weight with the axes of x1 and x2 as the kernel has them."""
    return weight.swapaxes(-1, -2) if weight is not None and choice.layout.mirrored else weight


def _prepared_weight(weight: Array, choice: Choice) -> Array:
    """The weight as (weights, out, in1, in2); exchanged it stays where it is, in strides."""
    backend, layout = choice.backend, choice.layout
    prepare = backend.prepare_strided if layout.mirrored else backend.prepare
    return prepare(_turned(weight, choice).reshape(layout.weight))


def _at(array: Array, axes: Axes, some: Shape, place: Shape) -> Array:
    """The slice of an array (..., features) at ``place`` along ``some`` leading axes, all axes kept."""
    if array is None or not some:
        return array
    missing = len(axes.lead) + 1 - array.ndim
    where = [slice(None)] * array.ndim
    for axis, start in zip(some, place, strict=True):
        if axis >= missing and array.shape[axis - missing] != 1:
            where[axis - missing] = slice(start, start + 1)
    return array[tuple(where)]


def _chosen_weights(choice: Choice, weight: Array, index: Array | None) -> Array:
    """The number of the weight that every row uses, over the leading axes. A stack of weights counts itself through."""
    xp, weights = choice.backend.xp, choice.problem.weights
    if index is None:
        return xp.arange(weights).reshape(weight.shape[:-3])
    return xp.where(index < 0, index + weights, index)


def _weight_of_rows(choice: Choice, which: Array, place: Shape) -> Array:
    """``which`` for the rows of the kernel's second operand, in their order."""
    axes, arrangement, xp = choice.problem.axes, choice.layout.weight_of_rows, choice.backend.xp
    here = _at(which[..., None], axes, axes.split, place)[..., 0] if axes.split else which
    along = axes.shared + axes.only2
    sizes = tuple(size if axis in along else 1 for axis, size in enumerate(axes.lead))
    rows = here if here.shape == sizes else xp.broadcast_to(here, sizes)
    return xp.array(arrangement.merged(rows))  # a copy: broadcast arrays are read-only


def _backward_bias(choice: Choice, grad_output: Array, index: Array | None, dbias: Array, accumulate: bool) -> None:
    """The gradient of a bias that broadcasts to y, or that the rows choose by ``index``; rounded once."""
    xp, dtype = choice.backend.xp, choice.problem.dtype
    if index is not None:
        lead = grad_output.shape[: grad_output.ndim - (dbias.ndim - 1)]
        which = xp.broadcast_to(index % max(1, len(dbias)), lead).reshape(-1)
        total = xp.zeros(dbias.shape, dtype)
        bias_gradient(xp, grad_output.reshape(len(which), *dbias.shape[1:]).astype(dtype), total, which, add=True)
    else:
        extra = grad_output.ndim - dbias.ndim
        summed = (*range(extra), *(extra + a for a, size in enumerate(dbias.shape) if size == 1))
        total = grad_output.sum(axis=summed, keepdims=True, dtype=dtype).reshape(dbias.shape)
    dbias[...] = dbias + total if accumulate else total
