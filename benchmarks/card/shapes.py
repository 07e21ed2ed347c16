"""The problems: (rows, in1, in2, out)."""

SHAPES = (
    (128, 20, 30, 40), (32, 10, 20, 5), (4, 100, 100, 50), (4096, 128, 128, 128), (65536, 256, 256, 1),
    (1024, 768, 768, 5), (65536, 64, 64, 64), (1 << 20, 32, 32, 32), (1 << 18, 16, 16, 1), (65536, 100, 100, 46),
    (512, 512, 512, 512), (16384, 8, 8, 256),
    # those on which FlagGems measures its bilinear kernel (benchmark/test_bilinear.py)
    (256, 64, 64, 128), (512, 128, 128, 256), (1024, 64, 48, 96), (128, 256, 256, 128), (2048, 32, 32, 64),
)  # fmt: skip
DTYPES = ("float32", "float64")


def gemm_flop(shape):
    """One GEMM-equivalent."""
    rows, in1, in2, out = shape
    return 2 * rows * in1 * in2 * out


def bytes_moved(shape, dtype, backward):
    """Every operand read once, every result written once."""
    rows, in1, in2, out = shape
    size = {"float32": 4, "float64": 8}[dtype]
    once = size * (rows * (in1 + in2 + out) + out * in1 * in2)
    return once * (2 if backward else 1)
