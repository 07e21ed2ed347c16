"""The cores: what two mapped rows are multiplied by."""

from .diagonal import Diagonal
from .dot import Dot
from .full import Full
from .one_sided import OneSided
from .sparse import Sparse

__all__ = ["Diagonal", "Dot", "Full", "OneSided", "Sparse"]
