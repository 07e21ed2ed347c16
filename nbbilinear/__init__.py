"""The bilinear product ``y[b,k] = x1[b]' W[k] x2[b] + bias[k]``, its gradients and its relatives, for plain arrays."""

from importlib.metadata import PackageNotFoundError as _PackageNotFoundError
from importlib.metadata import version as _version

from . import forms, heads, kg, losses, optim, pooling
from .batches import Batches
from .compress import compress
from .config import config
from .errors import (
    BackendError,
    BilinearError,
    CheckpointError,
    ConfigError,
    DataError,
    DTypeError,
    IndexRangeError,
    LayerError,
    ShapeError,
)
from .functional import BilinearGrads, bilinear, bilinear_backward, bilinear_vjp, plan
from .layers import Bilinear, Layer, Linear, Module, Parameter, ReLU, Sequential, Sigmoid, Softmax, Tanh
from .relatives import QuadraticGrads, bilinear_pairs, bilinear_pairs_backward, quadratic, quadratic_backward

try:
    __version__ = _version("nbbilinear")
except _PackageNotFoundError:  # a source folder that is not installed
    __version__ = "0+unknown"

__all__ = [
    "BackendError", "Batches", "Bilinear", "BilinearError", "BilinearGrads", "CheckpointError", "ConfigError",
    "DTypeError", "DataError", "IndexRangeError", "Layer", "LayerError", "Linear", "Module", "Parameter",
    "QuadraticGrads", "ReLU", "Sequential", "ShapeError", "Sigmoid", "Softmax", "Tanh", "bilinear", "bilinear_backward",
    "bilinear_pairs", "bilinear_pairs_backward", "bilinear_vjp", "compress", "config", "forms", "heads", "kg", "losses",
    "optim", "plan", "pooling", "quadratic", "quadratic_backward",
]  # fmt: skip
