"""Paired rows, y[b,k] = x1[b]' W[k] x2[b] + bias[k], and a row with itself."""

from .common import DTYPES, LARGE, SIZES, SMALL, places, takers
from .faces import Faces


class Rows(Faces):
    structure = "rows"
    params = (places(), SMALL, DTYPES)


class LargeRows(Rows):
    params = (takers(places(), "rows", LARGE, seconds=20), LARGE, ("float32",))
    repeat = (1, 5, 5.0)
    warmup_time = 0
    timeout = 600


class Quadratic(Faces):
    structure = "quadratic"
    params = (places(), tuple(SIZES["quadratic"]), DTYPES)
