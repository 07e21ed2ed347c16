"""What is inside a bilinear layer? Names, shapes and numbers of its parameters, and where they start.

A layer of ``in1`` and ``in2`` features holds for each of its ``out`` results a matrix of ``in1 * in2`` weights and a
bias: ``out * (in1 * in2 + 1)`` numbers, which is why it grows so fast. They start uniformly between ``-1/sqrt(in1)``
and ``1/sqrt(in1)``, as those of ``torch.nn.Bilinear`` do.

The layers are those on tutorial pages about it. ``--claimed`` is the number that one of them states for its first.
"""

import math

import numpy as np

import nbbilinear as nbl

from stage import program

LAYERS = ((100, 100, 50), (128, 128, 128), (10, 20, 5), (768, 768, 5))
ROWS = 4


def inspected(layer: nbl.Bilinear) -> int:
    """Print every parameter of a layer, and what four rows become; return the number of its parameters."""
    print(layer)
    for name, values in layer.state_dict().items():
        print(f"  {name:6s} {values.shape!s:16s} {values.size:9d} numbers   largest {abs(values).max():.3f}")
    count = sum(parameter.data.size for parameter in layer.parameters())
    print(f"  {'all':23s} {count:9d} numbers   at most {1 / math.sqrt(layer.in1_features):.3f}")
    first, second = (np.ones((ROWS, features)) for features in (layer.in1_features, layer.in2_features))
    print(f"  {first.shape} and {second.shape} give {layer(first, second).shape}")
    return count


def main() -> None:
    """Inspect the layers, and compare with the number claimed and with the formula."""
    given = program.begin(__doc__, claimed=500050)
    layers = [nbl.Bilinear(*sizes, rng=0) for sizes in LAYERS]
    counts = [inspected(layer) for layer in layers]
    formula = [out * (in1 * in2 + 1) for in1, in2, out in LAYERS]
    within = all(abs(p.data).max() <= 1 / math.sqrt(layer.in1_features) for layer in layers for p in layer.parameters())
    reached = counts == formula and counts[0] == given.claimed and within
    program.conclude(reached, f"Bilinear(100, 100, 50) has {given.claimed} parameters, and each is within its bound.")


if __name__ == "__main__":
    main()
