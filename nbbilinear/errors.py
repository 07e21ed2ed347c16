"""The errors of the package, and the one form in which they report operands."""

from collections.abc import Iterable, Mapping
from typing import Any


class BilinearError(Exception):
    """Base of every error this package raises on purpose."""


class ShapeError(BilinearError, ValueError):
    """Sizes of the operands disagree."""


class MisfitError(ShapeError):
    """Faults of shapes alone, for the door to report with the operands that have them."""

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class DTypeError(BilinearError, TypeError):
    """An operand's element type, or the kind of object it is, cannot be used."""


class IndexRangeError(BilinearError, IndexError):
    """``index`` points outside the weight."""


class BackendError(BilinearError, RuntimeError):
    """A backend that was asked for is unknown, absent, or cannot do this."""


class LayerError(BilinearError, RuntimeError):
    """A layer was used in an order that has no meaning, as ``backward`` before ``forward``."""


class ConfigError(BilinearError, ValueError):
    """A setting or an argument that is no array has no meaning."""


class DataError(BilinearError, ValueError):
    """A file of data is missing, or malformed; the message names file, line and, where it helps, column."""


class CheckpointError(BilinearError, ValueError):
    """A file or state does not fit the model, or is damaged."""


def report(title: str, faults: Iterable[str], operands: Mapping[str, Any]) -> str:
    """Title, every fault on a line, then every operand with shape and dtype.

    >>> import numpy as np
    >>> print(report("bilinear: operands do not fit", ["weight expects in1=3"], {"x1": np.ones((7, 2))}))
    bilinear: operands do not fit
      - weight expects in1=3
      x1          (7, 2)               float64
    """
    lines = [title, *(f"  - {fault}" for fault in faults)]
    lines += [
        f"  {name:<12}{tuple(getattr(a, 'shape', ()))!s:<21}{getattr(a, 'dtype', type(a).__name__)}"
        for name, a in operands.items()
        if a is not None
    ]
    return "\n".join(lines)
