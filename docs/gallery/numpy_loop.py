"""Is it this sum? The definition as a NumPy loop, against the layer, decimal by decimal.

``y[b,k] = sum_i x1[b,i] * (sum_j W[k,i,j] * x2[b,j]) + bias[k]``, in three loops and a dot product, on the sizes of the
example in the documentation of ``torch.nn.Bilinear``: 128 rows of 20 and 30 features, 40 results. A blog post that
re-implements that layer in NumPy finds the same numbers up to the 7th decimal. In float32 it cannot be better: there
are no more digits. In float64 all 7 decimals agree, and many more.
"""

import time

import numpy as np

import nbbilinear as nbl

from stage import program

IN1, IN2, OUT, ROWS = 20, 30, 40, 128


def loop(x1, x2, weight, bias):
    """Return the bilinear product, written out."""
    y = np.empty((len(x1), len(weight)))
    for b in range(len(x1)):
        for k in range(len(weight)):
            y[b, k] = bias[k]
            for i in range(x1.shape[1]):
                y[b, k] += x1[b, i] * (weight[k, i] @ x2[b])
    return y


def cpu_seconds(function, calls: int) -> float:
    """Return the CPU time of a call, the mean of several."""
    start = time.process_time()
    for _ in range(calls):
        function()
    return (time.process_time() - start) / calls


def main() -> None:
    """Compare in both dtypes, and time in float32. Numbers after ``~`` are measurements, and differ by machine."""
    given = program.begin(__doc__, decimals=7)
    rng = np.random.default_rng(0)
    differences = {}
    print("dtype     mean difference   largest")
    for dtype in ("float64", "float32"):
        layer = nbl.Bilinear(IN1, IN2, OUT, rng=0, dtype=dtype).eval()
        x1, x2 = (rng.normal(size=(ROWS, features)).astype(dtype) for features in (IN1, IN2))
        operands = x1, x2, layer.weight.data, layer.bias.data
        differences[dtype] = abs(layer(x1, x2) - loop(*operands))
        print(f"{dtype}          ~{differences[dtype].mean():.1e}  ~{differences[dtype].max():.1e}")
    ratio = cpu_seconds(lambda: loop(*operands), 3) / cpu_seconds(lambda: layer(x1, x2), 300)
    print(f"The loop takes ~{ratio:.0f} times the CPU time of the layer.")

    agree = differences["float64"].max() < 0.5 * 10.0**-given.decimals
    seventh = differences["float32"].mean() < 5 * 10.0**-given.decimals
    statement = (
        f"{given.decimals} decimals agree in float64, in float32 the last of them begins to differ; 20 times faster."
    )
    program.conclude(agree and seventh and ratio > 20, statement)


if __name__ == "__main__":
    main()
