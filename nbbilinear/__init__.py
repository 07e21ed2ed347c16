"""The bilinear product ``y[b,k] = x1[b]' W[k] x2[b] + bias[k]``, its gradients and its relatives, for plain arrays."""

from .config import config
from .errors import (
    BackendError,
    BilinearError,
    CheckpointError,
    ConfigError,
    DTypeError,
    IndexRangeError,
    LayerError,
    ShapeError,
)
from .functional import BilinearGrads, bilinear, bilinear_backward, plan

__version__ = "0.1.0"
