"""Rounding errors, as shares of the bound that is computed for them: above 1 would be wrong."""

from .common import DTYPES, SMALL, Product, kernels, takers
from .definition import worst


class Accuracy:
    params = (takers(kernels(), "rows", SMALL), SMALL, DTYPES)
    param_names = ("kernel", "size", "dtype")
    unit = "largest error / bound"

    def track_y(self, kernel, size, dtype):
        return worst(Product("rows", size, dtype), kernel)["y"]

    def track_gradients(self, kernel, size, dtype):
        shares = worst(Product("rows", size, dtype), kernel)
        return max(share for name, share in shares.items() if name != "y")


class AccuracyOfPairs:
    sizes = ("one", "words of sentences")
    params = (takers(kernels(), "pairs", sizes, seconds=2), sizes, DTYPES)
    param_names = ("kernel", "size", "dtype")
    unit = "largest error / bound"

    def track_all(self, kernel, size, dtype):
        return max(worst(Product("pairs", size, dtype), kernel).values())
