"""A stand-in for CuPy: arrays in host memory that refuse what CuPy's refuse.

No silent conversion to NumPy, no mixing with NumPy's arrays, NumPy's functions only through their dispatch, and none
that CuPy lacks. It says nothing of speed or of CUDA; it tells code that would compute on the wrong machine.
"""

import types

import numpy as np

FUNCTIONS = {np.zeros_like, np.copyto, np.unique, np.clip}  # what CuPy has of those that the package uses


class ndarray(np.lib.mixins.NDArrayOperatorsMixin):  # noqa: N801 - CuPy's name
    __module__ = "cupy"

    def __init__(self, host):
        self.host = np.asarray(host)

    __cuda_array_interface__ = property(lambda self: {"shape": self.shape})
    shape, dtype, ndim, size = (
        property(lambda self, n=n: getattr(self.host, n)) for n in ("shape", "dtype", "ndim", "size")
    )
    T = property(lambda self: ndarray(self.host.T))
    flags = property(lambda self: types.SimpleNamespace(c_contiguous=self.host.flags.c_contiguous))

    def __array__(self, *_, **__):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **options):
        if method != "__call__":
            return NotImplemented
        result = getattr(ufunc, method)(*map(lower, inputs), out=tuple(map(lower, out)) or None, **options)
        if out:
            return out[0]
        return ndarray(result)

    def __array_function__(self, function, types_, args, options):
        if function not in FUNCTIONS:
            return NotImplemented
        result = function(*map(lower, args), **{name: lower(value) for name, value in options.items()})
        return options["out"] if "out" in options else None if result is None else ndarray(result)

    def __getitem__(self, where):
        return ndarray(self.host[tuple(map(lower, where)) if isinstance(where, tuple) else lower(where)])

    def __setitem__(self, where, value):
        self.host[lower(where)] = lower(value)

    def __len__(self):
        return len(self.host)

    def __float__(self):
        return float(self.host)

    def __int__(self):
        return int(self.host)

    def __bool__(self):
        return bool(self.host)


def lower(value):
    """The host array; arrays of NumPy with a shape are refused as CuPy does."""
    if isinstance(value, np.ndarray) and value.shape:
        raise TypeError(f"Unsupported type {type(value)}")
    return value.host if isinstance(value, ndarray) else value


def method(name):
    def call(self, *args, **options):
        return ndarray(getattr(self.host, name)(*map(lower, args), **options))

    return call


for each in ("max", "min", "sum", "mean", "astype", "reshape", "copy"):
    setattr(ndarray, each, method(each))


def module():
    """What ``import cupy`` would give."""
    found = types.ModuleType("cupy")
    found.ndarray = ndarray
    found.asarray = lambda a: a if isinstance(a, ndarray) else ndarray(a)
    found.arange = lambda *args: ndarray(np.arange(*args))
    return found
