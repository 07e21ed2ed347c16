"""A stand-in for CuPy: arrays in host memory that refuse what CuPy's refuse.

No silent conversion to NumPy, no mixing with NumPy's arrays, NumPy's functions only through their dispatch, and none
that CuPy lacks. It says nothing of speed or of CUDA; it tells code that would compute on the wrong machine.
"""

import contextlib
import sys
import types

import numpy as np
import pytest

from nbbilinear import backends, devices

FUNCTIONS = {  # what the package calls by NumPy's names, for CuPy to take over
    np.argsort, np.broadcast_to, np.clip, np.concatenate, np.copyto, np.empty_like, np.may_share_memory, np.putmask,
    np.searchsorted, np.shares_memory, np.split, np.tile, np.unique, np.where, np.zeros_like,
}  # fmt: skip
WORDS = (
    "arange", "argsort", "array", "ascontiguousarray", "bincount", "broadcast_to", "cumsum", "einsum", "empty",
    "empty_like", "flatnonzero", "full", "matmul", "multiply", "searchsorted", "where", "zeros",
)  # fmt: skip
METHODS = (
    "all", "any", "argsort", "astype", "copy", "max", "mean", "min", "reshape", "sum", "swapaxes", "transpose", "var",
    "view",
)  # fmt: skip


class ndarray(np.lib.mixins.NDArrayOperatorsMixin):  # noqa: N801 - CuPy's name
    __module__ = "cupy"

    def __init__(self, host, number=0):
        self.host, self.device = np.asarray(host), types.SimpleNamespace(id=number)

    __cuda_array_interface__ = property(lambda self: {"shape": self.shape})
    shape, dtype, ndim, size, strides, itemsize, nbytes = (
        property(lambda self, n=n: getattr(self.host, n))
        for n in ("shape", "dtype", "ndim", "size", "strides", "itemsize", "nbytes")
    )
    data = property(lambda self: types.SimpleNamespace(ptr=self.host.ctypes.data))
    T = property(lambda self: ndarray(self.host.T))
    flags = property(
        lambda self: types.SimpleNamespace(**{n: getattr(self.host.flags, n) for n in ("c_contiguous", "f_contiguous")})
    )

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
        if function not in FUNCTIONS or "subok" in options:
            return NotImplemented
        result = function(*map(lower, args), **{name: lower(value) for name, value in options.items()})
        if isinstance(result, (tuple, list)):
            return type(result)(map(ndarray, result))
        return ndarray(result) if isinstance(result, np.ndarray) else result

    def __getitem__(self, where):
        return ndarray(self.host[lowered(where)])

    def __setitem__(self, where, value):
        value = lower(value)
        if isinstance(value, np.ndarray):
            value = value.astype(self.dtype)
        self.host[lowered(where)] = value

    def __len__(self):
        return len(self.host)

    def __float__(self):
        return float(self.host)

    def __int__(self):
        return int(self.host)

    def __bool__(self):
        return bool(self.host)

    def __format__(self, how):
        return format(self.host.item(), how)

    def get(self):
        return self.host.copy()

    def item(self):
        return self.host.item()

    def tolist(self):
        return self.host.tolist()


def lower(value):
    """The host array; arrays of NumPy with a shape are refused as CuPy does."""
    if isinstance(value, np.ndarray) and value.shape:
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, list):
        return [lower(one) for one in value]
    return value.host if isinstance(value, ndarray) else value


def lowered(where):
    return tuple(map(lower, where)) if isinstance(where, tuple) else lower(where)


def method(name):
    def call(self, *args, **options):
        found = getattr(self.host, name)(*map(lower, args), **options)
        return self if found is self.host else ndarray(found)  # astype(copy=False) of what is right already

    return call


for each in METHODS:
    setattr(ndarray, each, method(each))


def word(name):
    """A function of NumPy on arrays of this module."""

    def call(*args, **options):
        with np.errstate(all="ignore"):  # a device gives no warnings
            result = getattr(np, name)(*map(lower, args), **{key: lower(value) for key, value in options.items()})
        return options["out"] if options.get("out") is not None else ndarray(result)

    return call


def asarray(a):
    return a if isinstance(a, ndarray) else ndarray(np.array(a))


def module():
    """What ``import cupy`` would give."""
    found = types.ModuleType("cupy")
    vars(found).update({name: word(name) for name in WORDS})
    found.ndarray, found.asarray, found.__version__ = ndarray, asarray, "0"
    runtime = types.SimpleNamespace(getDevice=lambda: 0, driverGetVersion=lambda: 13000)

    class Device(contextlib.nullcontext):
        """A device too old for kernels of our own: their drivers are tested in the simulator."""

        id, compute_capability = 0, "60"

        def __init__(self, number=0):
            super().__init__()

    found.cuda = types.SimpleNamespace(is_available=lambda: True, runtime=runtime, cublas=None, Device=Device)
    return found


@contextlib.contextmanager
def installed(place):
    """CuPy for tests: this module's, or the real one on a real device, where there is one."""
    if place == "cuda":
        try:
            yield devices.load()
        except ImportError as missing:
            pytest.skip(str(missing))
        return
    with in_place_of_cupy(module()) as found:
        yield found


@contextlib.contextmanager
def in_place_of_cupy(found):
    """Another module as CuPy; None: there is no CuPy."""
    before = sys.modules.get("cupy", found)
    sys.modules["cupy"] = found
    forget()
    try:
        yield found
    finally:
        del sys.modules["cupy"]
        if before is not found:
            sys.modules["cupy"] = before
        forget()


def forget():
    """Let the next call import the device's backends again, and plan again."""
    for name in [name for name in sys.modules if name in BACKENDS or name.startswith("cupy.")]:
        del sys.modules[name]
    backends.backend.cache_clear()
    sys.modules["nbbilinear.plan"]._plan.cache_clear()


BACKENDS = "nbbilinear.backends.cupy.backend", "nbbilinear.backends.cuda.backend"
PLACES = ["stand-in", pytest.param("cuda", marks=pytest.mark.gpu)]
