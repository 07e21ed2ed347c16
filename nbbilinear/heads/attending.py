"""The door of heads, their layers and stacks: one call, one dtype inside, one config; nothing changes on an error."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import numpy as np

from ..layers import Buffer, Layer, LayerGrads
from ..layers.layer import gradient_of
from .operands import Operands, operands_of

Array = Any


class HeadGrads(LayerGrads):
    """Gradients of a layer's input and parameters, as every layer gives them, and of the ``context``, or None."""

    context: Array | None

    def __new__(cls, x: Array, parameters: dict[str, Array], context: Array | None = None) -> Self:
        """Return a pair with an attribute: what takes the gradients of a layer takes these."""
        grads = super().__new__(cls, x, parameters)
        grads.context = context
        return grads


Pullback = Callable[[Array], HeadGrads]


class Attending(Layer):
    """Base of the layers whose rows attend to one another, or to those of a ``context``.

    Attributes
    ----------
    m : int
        The number of features.
    example : array
        One of the parameters' dtype, where they are.
    row_count : int or None
        How many rows are attended to, where that is fixed.
    several : bool
        Whether rows are attended to more than once, so that a mask must be of (rows,).
    """

    m: int
    several: ClassVar[bool] = False

    def __call__(self, x: Array, *, context: Array | None = None, mask: Array | None = None) -> Array:
        """Return the result of a batch; in training mode keep what one ``backward`` needs.

        Parameters
        ----------
        x : (b, m) array
        context : (rows, m) array, optional
            The rows that are attended to, in place of the batch itself: each result is then its own row's alone.
        mask : (rows,) or (b, rows) array of bool, optional
            True where a row may be attended to, by all or by each; beside ``mask_zeros``. A row that a (rows,) mask
            excludes counts as zeros, whatever it holds, NaN too; without a context as one that attends as well.

        Returns
        -------
        (b, n) array

        Raises
        ------
        ShapeError, DTypeError, BackendError
            An operand does not fit. Nothing was changed, and what was kept stays.
        """
        y, pullback = self.vjp(x, context=context, mask=mask)
        self._keep(pullback)
        return y

    def vjp(self, x: Array, *, context: Array | None = None, mask: Array | None = None) -> tuple[Array, Pullback]:
        """Return the result, and a function that pulls gradients back to HeadGrads; see :meth:`Layer.vjp`.

        In training mode batch norm moves its statistics and dropout draws, as in a call.
        """
        given = operands_of(self, x, context, mask)
        kept = [(buffer, buffer.data.copy()) for buffer in self.buffers()] if self.training else []
        try:
            inner, pull = self.attend(given)
        except BaseException:
            for buffer, data in kept:
                buffer.data[...] = data
            raise
        y = inner.astype(given.dtype, copy=False)

        def pullback(grad_output: Array) -> HeadGrads:
            g = gradient_of(type(self).__name__, grad_output, y.shape, y)
            grads = pull(g.astype(inner.dtype, copy=False))
            dcontext = None if grads.context is None else grads.context.astype(given.context_dtype, copy=False)
            dx = grads.x.astype(given.dtype, copy=False)
            if given.mask is not None and given.mask.ndim == 1 and not given.apart:
                dx = np.where(given.mask[:, None], dx, dx.dtype.type(0))
            return HeadGrads(dx, grads.parameters, dcontext)

        return y, pullback

    @property
    @abstractmethod
    def example(self) -> Array: ...  # noqa: D102 - above

    @property
    @abstractmethod
    def row_count(self) -> int | None: ...  # noqa: D102 - above

    @abstractmethod
    def attend(self, given: Operands) -> tuple[Array, Pullback]:
        """Return the result and its pullback, all in the dtype of the parameters; operands are as they should be."""

    @abstractmethod
    def buffers(self) -> list[Buffer]:
        """Return what a call in training mode may change."""

    @abstractmethod
    def to_config(self) -> dict[str, Any]:
        """Return the arguments that make another like this, all of JSON's types; without parameters."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any], **others: Any) -> Self:
        """Return one by a config, and by further arguments such as ``rng`` and ``device``."""
        return cls(**{**config, **others})
