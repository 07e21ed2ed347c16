"""The verbs: the bilinear product and its gradients."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from . import execute
from .axes import Shape
from .errors import ConfigError, DTypeError, ShapeError, report
from .execute import BilinearGrads
from .operands import Operands, as_arrays, as_index, common_dtype, take
from .outputs import to_fill
from .plan import Plan, plan_for

__all__ = ["BilinearGrads", "bilinear", "bilinear_backward", "plan"]

Array = Any


def bilinear(
    x1: Array,
    x2: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    index: Array | None = None,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    """Bilinear product, ``y[b,k] = x1[b]' W[k] x2[b] + bias[k]``.

    Parameters
    ----------
    x1 : (..., in1) array
    x2 : (..., in2) array
        Leading axes broadcast as in NumPy. That is planned, not carried out: ``x1[:, None]`` with ``x2[None]`` costs
        two matrix products, see :func:`bilinear_pairs`.
    weight : (out, in1, in2) array
        ``(in1, in2)`` has no out axis, and y has none. ``(*w, out, in1, in2)`` broadcasts ``*w`` with the leading axes.
        With ``index``: ``(count, in1, in2)`` or ``(count, out, in1, in2)``.
    bias : array, optional
        ``(out,)``, or any shape that ends in ``out`` and broadcasts to y. With ``index`` one per weight:
        ``(count,)`` or ``(count, out)``.
    index : integer array, optional
        Row b uses ``weight[index[b]]``; broadcasts with the leading axes. Rows are grouped, the weight is not gathered.
    out : array, optional
        Filled and returned: y's shape and dtype, any strides, no memory in common with an operand.
    backend : str, optional
        ``"numpy"``, ``"numba"``, or a kernel of one, as ``"numba/portable"``. Default: the cheapest by the plan.

    Returns
    -------
    (..., out) array
        Of the operands' promoted dtype and kind. Floats are computed in their own precision, integers wrap.

    Raises
    ------
    ShapeError
        Sizes disagree; the message lists every operand.
    DTypeError
        An operand is not of float32, float64 or integers, or ``out`` not of y's dtype.
    IndexRangeError
        ``index`` points outside the weight.
    BackendError
        The backend is unknown, absent, or has no kernel for this; or operands are of different libraries.

    Notes
    -----
    ``2 * rows * out * in1 * in2`` flop for paired rows; a few MB of workspace whatever the sizes. ``print(plan(...))``
    tells both for a call. Operands that are not contiguous in the order the kernel needs are copied once.
    Source: ``torch.nn.functional.bilinear`` (same weight layout), which has none of broadcasting, index, and out.

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> x1, x2, weight = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([[[5.0, 6.0], [7.0, 8.0]]])
    >>> nbl.bilinear(x1, x2, weight)
    array([[145.]])
    """
    given = take("bilinear", x1, x2, weight, bias, index)
    arranged, lead = _collapse(given)
    plan = plan_for("bilinear", arranged, lead=lead, backend=backend)
    return plan.fill(arranged.cast(), given, out, None)


def bilinear_backward(
    grad_output: Array,
    x1: Array,
    x2: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    index: Array | None = None,
    wrt: Iterable[str] | None = None,
    out: BilinearGrads | None = None,
    accumulate: bool = False,
    backend: str | None = None,
) -> BilinearGrads:
    """Gradients of :func:`bilinear`, from ``grad_output = dL/dy``.

    ``dx1[b,i] = sum_kj g W x2``, ``dx2[b,j] = sum_ki g x1 W``, ``dW[k,i,j] = sum_b g x1 x2``, ``dbias[k] = sum_b g``.

    Parameters
    ----------
    grad_output : (..., out) array
        Of y's shape.
    x1, x2, weight, bias, index, backend
        As given to :func:`bilinear`. Of ``bias`` only the shape matters.
    wrt : iterable of str, optional
        The operands whose gradients are wanted, of ``"x1", "x2", "weight", "bias"``. Default: all that are given.
    out : BilinearGrads, optional
        Arrays to fill, of the operands' shapes and dtypes; None where one is to be allocated.
    accumulate : bool
        Add to the arrays of ``out`` instead.

    Returns
    -------
    BilinearGrads
        ``(x1, x2, weight, bias)``: each of its operand's shape and dtype (broadcast axes are summed), None where not
        wanted.

    Raises
    ------
    ShapeError, DTypeError, IndexRangeError, BackendError
        As :func:`bilinear`; integers have no gradients. On an error nothing is changed.
    ConfigError
        ``wrt`` names what is no operand.

    Notes
    -----
    ``4 * rows * out * in1 * in2`` flop for all gradients where inputs share their work, at most 6; no memory beyond
    results, operands' copies where :func:`bilinear` makes them, and a few MB.

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> x1, x2, weight = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([[[5.0, 6.0], [7.0, 8.0]]])
    >>> nbl.bilinear_backward(np.ones((1, 1)), x1, x2, weight, wrt=["x1", "x2"])
    BilinearGrads(x1=array([[39., 53.]]), x2=array([[19., 22.]]), weight=None, bias=None)
    """
    given = take("bilinear_backward", x1, x2, weight, bias, index)
    wanted = _wanted(wrt, given)
    planned = given if "bias" in wanted else given._replace(bias=None)
    chosen = plan_for("bilinear_backward", planned, wanted, backend=backend).chosen
    g = _grad_output(grad_output, chosen.problem.out_shape, given)
    gradients = _to_fill(out, wanted, given, accumulate, g)
    operands = given.cast()[:3]
    execute.backward(chosen, g, *operands, given.index, gradients, chosen.scratch(), accumulate)
    if given.give_back is None:
        return gradients
    return BilinearGrads(
        *(
            None if filled is None else given.give_back(filled) if asked is None else asked
            for filled, asked in zip(gradients, out or BilinearGrads(), strict=True)
        )
    )


def plan(
    x1: Array | tuple[int, ...],
    x2: Array | tuple[int, ...],
    weight: Array | tuple[int, ...],
    bias: Array | tuple[int, ...] | None = None,
    *,
    index: Array | tuple[int, ...] | None = None,
    dtype: Any = None,
    backward: bool = False,
    backend: str | None = None,
) -> Plan:
    """Say how a product would be computed: structure, kernel, cost; and keep that for ``Plan.run``.

    Parameters
    ----------
    x1, x2, weight, bias, index : array, or tuple of int
        Operands of :func:`bilinear`, or only their shapes.
    dtype : dtype, optional
        With shapes: what the operands are promoted to. Default float32.
    backward : bool
        Plan the gradients of all operands instead of y.
    backend : str, optional
        As in :func:`bilinear`.

    Returns
    -------
    Plan
        ``print`` it; ``.flop``, ``.workspace_bytes``; ``.run(x1, x2, weight, ...)``.

    Examples
    --------
    >>> import nbbilinear as nbl
    >>> pairs = nbl.plan((1000, 1, 64), (1, 1000, 64), (8, 64, 64), backend="numpy/gemm")
    >>> pairs.flop == 2 * (1000 * 64 * 512 + 1000 * 1000 * 64 * 8)
    True
    """
    named = {"x1": x1, "x2": x2, "weight": weight, "bias": bias}
    blank = {name: _blank(a, dtype or np.float32) if isinstance(a, tuple) else a for name, a in named.items()}
    arrays = as_arrays("plan", blank)[0]
    chosen = as_index("plan", _blank(index, np.int64) if isinstance(index, tuple) else index)
    promoted = common_dtype("plan", arrays)
    given = Operands(**arrays, index=chosen, dtype=promoted, give_back=None, uniform=False)
    return plan_for("plan", given, _wanted(None, given) if backward else (), backend=backend)


def _collapse(given: Operands) -> tuple[Operands, Shape | None]:
    """Take one of every run of repeated rows (stride 0), and the leading shape that they stood for."""
    if given.x1.flags.c_contiguous and given.x2.flags.c_contiguous:
        return given, None
    x1, x2 = _once(given.x1), _once(given.x2)
    if x1 is given.x1 and x2 is given.x2:
        return given, None
    lead_weight = given.weight.shape[:-3] if given.index is None else given.index.shape
    try:
        lead = np.broadcast_shapes(given.x1.shape[:-1], given.x2.shape[:-1], lead_weight)
    except ValueError:
        return given, None  # for the plan to refuse, with the shapes as they were given
    return given._replace(x1=x1, x2=x2), lead


def _blank(shape: Shape, dtype: Any) -> Array:
    """An array of any shape that takes no memory."""
    return np.broadcast_to(np.zeros((), dtype), shape)


def _once(array: Array) -> Array:
    if 0 not in array.strides[:-1] or not array.size:
        return array
    leading = zip(array.strides[:-1], array.shape[:-1], strict=True)
    return array[tuple(slice(0, 1) if stride == 0 and size > 1 else slice(None) for stride, size in leading)]


def _wanted(wrt: Iterable[str] | None, given: Operands) -> tuple[str, ...]:
    """The operands to differentiate by, in their order; refused where one is absent or of integers."""
    names = ("x1", "x2", "weight") if given.bias is None else ("x1", "x2", "weight", "bias")
    asked = names if wrt is None else (wrt,) if isinstance(wrt, str) else tuple(wrt)
    if absent := [name for name in asked if name not in names]:
        wrong = ", ".join(map(repr, absent))
        raise ConfigError(f"bilinear_backward: wrt names {wrong}, but the operands are {', '.join(names)}")
    wanted = tuple(name for name in names if name in asked)
    if not given.uniform or given.dtype.kind != "f":
        operands = given.named()
        integers = [name for name in wanted if operands[name].dtype.kind != "f"]
        if integers:
            faults = [f"{name} has dtype {operands[name].dtype}; integers have no gradients" for name in integers]
            raise DTypeError(report("bilinear_backward: cannot differentiate", faults, operands))
    return wanted


def _grad_output(grad_output: Array, shape: Shape, given: Operands) -> Array:
    if type(grad_output) is np.ndarray and grad_output.dtype == given.dtype and grad_output.shape == shape:
        return grad_output
    g = as_arrays("bilinear_backward", {"grad_output": grad_output})[0]["grad_output"]
    common_dtype("bilinear_backward", {"grad_output": g})
    if g.shape != shape:
        fault = f"grad_output has shape {g.shape}, y has {shape}"
        raise ShapeError(report("bilinear_backward: operands do not fit", [fault], {"grad_output": g, **given.named()}))
    return g.astype(given.dtype, copy=False)


def _to_fill(
    out: BilinearGrads | None, wanted: tuple[str, ...], given: Operands, accumulate: bool, g: Array
) -> BilinearGrads:
    """The arrays for the wanted gradients: those of ``out``, new ones where it has none."""
    operands = given.named()
    if out is None and given.uniform and not accumulate:
        return BilinearGrads(**{name: np.empty(operands[name].shape, given.dtype) for name in wanted})
    offered = (out or BilinearGrads())._asdict()
    inputs = {"grad_output": g, **operands}
    filled: dict[str, Array] = {}
    for name in wanted:
        shape, dtype = operands[name].shape, operands[name].dtype.newbyteorder("=")
        if offered[name] is None:
            filled[name] = (np.zeros if accumulate else np.empty)(shape, dtype)
        else:
            filled[name] = to_fill("bilinear_backward", f"out.{name}", offered[name], shape, dtype, inputs)
            inputs |= {f"out.{name}": filled[name]}
    return BilinearGrads(**filled)
