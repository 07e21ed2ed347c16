"""Forward and backward of a structure on every backend: what the files of this folder have in common."""

from abc import ABC, abstractmethod
from functools import lru_cache

from .common import OneThread, Product, case
from .definition import check


class Faces(OneThread, ABC):
    """Axes backend, size, dtype; values are checked before anything is timed."""

    param_names = ("backend", "size", "dtype")

    @property
    @abstractmethod
    def structure(self):
        """One of ``common.STRUCTURES``."""

    def setup(self, backend, size, dtype):
        super().setup()
        self.case = checked(Product(self.structure, size, dtype), backend)

    def time_forward(self, *_):
        self.case.forward()

    def time_backward(self, *_):
        self.case.backward()


@lru_cache(maxsize=1)
def checked(product, backend):
    """The calls of a product, compiled, touched and right."""
    check(product, backend)
    return case(product, backend)
