"""A trainable array with its gradient."""

from typing import Any

import numpy as np

from ..devices import moved
from ..errors import DTypeError
from .arguments import Array, parameter_dtype


class Parameter:
    """A trainable array, the gradient collected for it, and a name.

    Parameters
    ----------
    data : array of float32 or float64, any shape
        Held by reference: a later change of ``data`` changes the parameter. Lists and scalars become an array;
        byte-swapped data are converted.
    name : str, optional
        Used in messages. A module names its parameters by attribute, whatever they are called here.

    Attributes
    ----------
    data : array
        The values. Optimisers change them in place.
    grad : array of the same shape, or None
        The gradient collected so far; None until a ``backward`` sets it and after ``zero_grad``.
    name : str or None

    Raises
    ------
    DTypeError
        The data are integers, complex, of half precision, or no numbers at all.

    Notes
    -----
    Cost: none; nothing is copied unless the byte order is foreign.
    Source: ``torch.nn.Parameter``.

    Examples
    --------
    >>> import numpy as np
    >>> from nbbilinear.layers import Parameter
    >>> parameter = Parameter(np.zeros((2, 3), np.float32), name="weight")
    >>> parameter
    Parameter(name='weight', shape=(2, 3), dtype=float32)
    >>> parameter.grad is None
    True
    >>> np.asarray(parameter).sum()
    np.float32(0.0)
    """

    __slots__ = ("data", "grad", "name")

    def __init__(self, data: Array, name: str | None = None) -> None:
        if isinstance(data, np.ma.MaskedArray):
            raise DTypeError("Parameter: data is a masked array, whose mask would be lost: pass np.asarray(data)")
        on_device = hasattr(data, "__cuda_array_interface__")
        array = data if isinstance(data, np.ndarray) or on_device else np.asarray(data)
        self.data: Array = array.astype(parameter_dtype(array.dtype), copy=False)
        self.grad: Array | None = None
        self.name = name

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the data."""
        return tuple(self.data.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type of the data."""
        dtype: np.dtype[Any] = self.data.dtype
        return dtype

    def converted(self, dtype: np.dtype[Any] | None, device: str | None) -> tuple[Array, Array | None]:
        """Return data and gradient in another dtype, on another device; the same arrays where they have both."""

        def one(array: Array) -> Array:
            typed = array if dtype is None else array.astype(dtype, copy=False)
            return typed if device is None else moved(typed, device)

        return one(self.data), None if self.grad is None else one(self.grad)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.data, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, shape={self.shape}, dtype={self.dtype})"


class Buffer(Parameter):
    """An array that belongs to a module's state and is moved with it, but is no parameter: it takes no gradient.

    Examples
    --------
    >>> import numpy as np
    >>> Buffer(np.zeros(2), name="running_mean")
    Buffer(name='running_mean', shape=(2,), dtype=float64)
    """

    __slots__ = ()
