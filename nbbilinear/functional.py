"""The verbs: the bilinear product and its gradients."""

from collections.abc import Callable, Iterable
from typing import Any

from .execute import BilinearGrads
from .forms import Form, FormPlan, calls_for
from .plan import Plan
from .pullback import vjp

__all__ = ["BilinearGrads", "bilinear", "bilinear_backward", "bilinear_vjp", "plan"]

Array = Any


def bilinear(
    x1: Array,
    x2: Array,
    weight: Array | Form,
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
        With ``index``: ``(count, in1, in2)`` or ``(count, out, in1, in2)``. Or a form of one, of
        :mod:`nbbilinear.forms`, which costs what its structure allows.
    bias : array, optional
        ``(out,)``, or any shape that ends in ``out`` and broadcasts to y. With ``index`` one per weight:
        ``(count,)`` or ``(count, out)``.
    index : integer array, optional
        Row b uses ``weight[index[b]]``; broadcasts with the leading axes. Rows are grouped, the weight is not gathered.
    out : array, optional
        Filled and returned: y's shape and dtype, any strides, no memory in common with an operand.
    backend : str, optional
        ``"numpy"``, ``"numba"``, for arrays on a CUDA device ``"cuda"`` or ``"cupy"``, or a kernel of one, as
        ``"numba/portable"``. Default: the cheapest by the plan of those for the operands' library.

    Returns
    -------
    (..., out) array
        Of the operands' promoted dtype and kind. float32 and float64 are computed in their own precision; float16 and
        bfloat16 (of ml_dtypes) in float32, block by block, and rounded once; integers wrap.

    Raises
    ------
    ShapeError
        Sizes disagree; the message lists every operand.
    DTypeError
        An operand is not of float32, float64, float16, bfloat16 or integers, or NumPy has no dtype for all of them (as
        for float16 with bfloat16 before ml_dtypes 0.7), or ``out`` is not of y's dtype.
    IndexRangeError
        ``index`` points outside the weight.
    BackendError
        The backend is unknown, absent, or has no kernel for this; or operands are of different libraries.

    Notes
    -----
    ``2 * rows * out * in1 * in2`` flop for paired rows; a few MB of workspace whatever the sizes. ``print(plan(...))``
    tells both for a call. Operands that are not contiguous in the order the kernel needs are copied once; those of
    another dtype than is computed in are converted a few MB at a time (of all pairs: the weight, and x2, whole).
    Source: ``torch.nn.functional.bilinear`` (same weight layout), which has none of broadcasting, index, and out.

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> x1, x2, weight = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([[[5.0, 6.0], [7.0, 8.0]]])
    >>> nbl.bilinear(x1, x2, weight)
    array([[145.]])
    """
    return calls_for(weight).forward("bilinear", x1, x2, weight, bias, index, out, backend)


def bilinear_backward(
    grad_output: Array,
    x1: Array,
    x2: Array,
    weight: Array | Form,
    bias: Array | None = None,
    *,
    index: Array | None = None,
    wrt: Iterable[str] | None = None,
    out: BilinearGrads | None = None,
    accumulate: bool = False,
    backend: str | None = None,
    workspace: Array | None = None,
) -> BilinearGrads:
    """Gradients of :func:`bilinear`, from ``grad_output = dL/dy``.

    ``dx1[b,i] = sum_kj g W x2``, ``dx2[b,j] = sum_ki g x1 W``, ``dW[k,i,j] = sum_b g x1 x2``, ``dbias[k] = sum_b g``.

    Parameters
    ----------
    grad_output : (..., out) array
        Of y's shape; computed with in the dtype that y is.
    x1, x2, weight, bias, index, backend
        As given to :func:`bilinear`. Of ``bias`` only the shape matters.
    wrt : iterable of str, optional
        The operands whose gradients are wanted, of ``"x1", "x2", "weight", "bias"``. Default: all that are given.
    out : BilinearGrads, optional
        Arrays to fill, of the operands' shapes and dtypes; None where one is to be allocated.
    accumulate : bool
        Add to the arrays of ``out`` instead.
    workspace : array, optional
        Memory to work in, as :meth:`Plan.run` takes it, for ``plan(..., backward=True)`` of the same operands. With
        ``out`` and this, a step on a CUDA device allocates nothing, and can be captured in a graph.

    Returns
    -------
    BilinearGrads
        ``(x1, x2, weight, bias)``: each of its operand's shape and dtype (broadcast axes are summed), None where not
        wanted. The gradient of a form is a form of its kind, with gradients for parameters.

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
    operands = (x1, x2, weight, bias, index)
    verbs = calls_for(weight)
    return verbs.backward("bilinear_backward", grad_output, *operands, wrt, out, accumulate, backend, workspace)


def bilinear_vjp(
    x1: Array,
    x2: Array,
    weight: Array | Form,
    bias: Array | None = None,
    *,
    index: Array | None = None,
    backend: str | None = None,
) -> tuple[Array, Callable[..., BilinearGrads]]:
    """Bilinear product, and a function that pulls gradients back through it.

    Together they may cost less than :func:`bilinear` and :func:`bilinear_backward`: operands are looked at once, and
    ``x1 W`` is kept where that saves a product, as for one output of many features. Of a form with contiguous paired
    rows the mapped rows are kept, ``A x1`` and ``B x2``: a third of the product's flop that the gradients do not take.

    Parameters
    ----------
    x1, x2, weight, bias, index, backend
        As :func:`bilinear` takes them. Do not change them before the last call of ``pullback``.

    Returns
    -------
    y : (..., out) array
    pullback : callable
        ``pullback(grad_output)`` gives the :class:`BilinearGrads` of all operands, as often as it is called and from
        any thread. With ``out=`` and ``accumulate=`` as :func:`bilinear_backward` has them.

    Raises
    ------
    ShapeError, DTypeError, IndexRangeError, BackendError
        As :func:`bilinear`; integers have no gradients. The pullback, as :func:`bilinear_backward`.

    Notes
    -----
    Cost: as :func:`bilinear` and :func:`bilinear_backward`; where ``x1 W`` is kept ``2 * rows * out * in1 * in2`` flop
    less. ``pullback`` then holds ``rows * out * in2`` numbers, or of a form what its maps made of as many rows as fit;
    at most 8 MB, and refers to the operands. Where something is kept, y may round otherwise than in :func:`bilinear`.
    Source: ``jax.vjp``.

    Examples
    --------
    >>> import numpy as np, nbbilinear as nbl
    >>> x1, x2, weight = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([[[5.0, 6.0], [7.0, 8.0]]])
    >>> y, pullback = nbl.bilinear_vjp(x1, x2, weight)
    >>> pullback(np.ones_like(y)).x1
    array([[39., 53.]])
    """
    return vjp("bilinear_vjp", x1, x2, weight, bias, index, backend)


def plan(
    x1: Array | tuple[int, ...],
    x2: Array | tuple[int, ...],
    weight: Array | tuple[int, ...] | Form,
    bias: Array | tuple[int, ...] | None = None,
    *,
    index: Array | tuple[int, ...] | None = None,
    dtype: Any = None,
    backward: bool = False,
    backend: str | None = None,
) -> Plan | FormPlan:
    """Say how a product would be computed: structure, kernel, cost; and keep that for ``Plan.run``.

    Parameters
    ----------
    x1, x2, weight, bias, index : array, or tuple of int
        Operands of :func:`bilinear`, or only their shapes; a form as it is.
    dtype : dtype, optional
        With shapes: what the operands are promoted to. Default float32.
    backward : bool
        Plan the gradients of all operands instead of y.
    backend : str, optional
        As in :func:`bilinear`.

    Returns
    -------
    Plan
        ``print`` it; ``.flop``, ``.workspace_bytes``; ``.run(x1, x2, weight, ...)``. Of a form, its steps with the flop
        of each, and the kernel that does them at once where there is one.

    Examples
    --------
    >>> import nbbilinear as nbl
    >>> pairs = nbl.plan((1000, 1, 64), (1, 1000, 64), (8, 64, 64), backend="numpy/gemm")
    >>> pairs.flop == 2 * (1000 * 64 * 512 + 1000 * 1000 * 64 * 8)
    True
    """
    return calls_for(weight).plan("plan", x1, x2, weight, bias, index, dtype, backward, backend)
