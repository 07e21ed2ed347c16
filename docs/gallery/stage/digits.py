"""The data of the gallery: 1797 handwritten digits of scikit-learn, 8 by 8 pixels, split once for every program.

Source: ``sklearn.datasets.load_digits``, the test part of the UCI data set "Optical recognition of handwritten digits".
"""

from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits

LEARNING = 1200


class Digits(NamedTuple):
    """Pictures as (rows, 64) pixels between 0 and 1 in float64, and the digit that each shows."""

    pixels: np.ndarray
    labels: np.ndarray


def load() -> tuple[Digits, Digits]:
    """Return 1200 digits to learn from and 597 others to be judged by."""
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    pixels, labels = data.data[order] / 16, data.target[order]
    return Digits(pixels[:LEARNING], labels[:LEARNING]), Digits(pixels[LEARNING:], labels[LEARNING:])
