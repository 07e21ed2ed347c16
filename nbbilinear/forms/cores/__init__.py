"""The cores: what two mapped rows are multiplied by."""

from .complex_diagonal import ComplexDiagonal
from .diagonal import Diagonal
from .dot import Dot
from .full import Full
from .one_sided import OneSided
from .sparse import Sparse

__all__ = ["ComplexDiagonal", "Diagonal", "Dot", "Full", "OneSided", "Sparse"]
