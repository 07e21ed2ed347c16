"""The problems, (rows, in1, in2, out), and the ways to multiply."""

from typing import NamedTuple

SHAPES = (
    (128, 20, 30, 40), (32, 10, 20, 5), (4, 100, 100, 50), (4096, 128, 128, 128), (65536, 256, 256, 1),
    (1024, 768, 768, 5), (65536, 64, 64, 64), (1 << 20, 32, 32, 32), (1 << 18, 16, 16, 1), (65536, 100, 100, 46),
    (512, 512, 512, 512), (16384, 8, 8, 256),
    # those on which FlagGems measures its bilinear kernel (benchmark/test_bilinear.py)
    (256, 64, 64, 128), (512, 128, 128, 256), (1024, 64, 48, 96), (128, 256, 256, 128), (2048, 32, 32, 64),
)  # fmt: skip


class Way(NamedTuple):
    """How operands are stored, what ``nbbilinear.config`` is told, and what a product of factors may err."""

    dtype: str
    precision: str
    error: float = 0.0

    @property
    def label(self):
        return self.dtype if self.precision == "float32" else f"{self.dtype} as {self.precision}"


WAYS = (
    Way("float32", "float32"), Way("bfloat16", "float32"), Way("float32", "tf32x3", 3 * 2.0**-22),
    Way("float32", "tf32", 2.1 * 2.0**-11), Way("float16", "float32"), Way("float64", "float32"),
)  # fmt: skip


def stored(name):
    """The dtype of this name; bfloat16 is that of ml_dtypes."""
    import numpy as np

    if name != "bfloat16":
        return np.dtype(name)
    import ml_dtypes

    return np.dtype(ml_dtypes.bfloat16)


def gemm_flop(shape):
    """One GEMM-equivalent."""
    rows, in1, in2, out = shape
    return 2 * rows * in1 * in2 * out


def bytes_moved(shape, dtype, backward):
    """Every operand read once, every result written once."""
    rows, in1, in2, out = shape
    size = stored(dtype).itemsize
    once = size * (rows * (in1 + in2 + out) + out * in1 * in2)
    return once * (2 if backward else 1)
