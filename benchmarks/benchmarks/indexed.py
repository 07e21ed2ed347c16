"""Rows that choose their weight: y[b] = x1[b]' W[index[b]] x2[b], and one row against all."""

from .common import DTYPES, SIZES, places
from .faces import Faces


class Indexed(Faces):
    structure = "index"
    params = (places(), tuple(SIZES["index"]), DTYPES)


class OneAgainstAll(Faces):
    """The scores of a knowledge graph: a head and a relation against every entity."""

    structure = "one against all"
    params = (places(), tuple(SIZES["one against all"]), DTYPES)
