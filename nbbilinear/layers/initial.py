"""Initial values of a layer's weight and bias."""

import math
from typing import Any

import numpy as np

from ..scalars import flag, random_generator
from .parameter import Parameter


def drawn(
    shape: tuple[int, ...], fan: int, bias: bool, dtype: np.dtype[Any], rng: int | np.random.Generator | None
) -> tuple[Parameter, Parameter | None]:
    """Return a weight and, where wanted, a bias for its first axis, from U(-1/sqrt(fan), 1/sqrt(fan)), as torch has it.

    Drawn in float64 and rounded, weight first.

    Examples
    --------
    >>> drawn((4, 3), 3, bias=True, dtype=np.dtype("float32"), rng=0)[1]
    Parameter(name='bias', shape=(4,), dtype=float32)
    """
    generator, bound = random_generator(rng), 1.0 / math.sqrt(fan)

    def one(name: str, shape: tuple[int, ...]) -> Parameter:
        return Parameter(generator.uniform(-bound, bound, shape).astype(dtype, copy=False), name)

    return one("weight", shape), one("bias", shape[:1]) if flag("bias", bias) else None
