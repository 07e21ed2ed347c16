"""The product of every structure as an einsum of x1, W and x2, and its gradients: the same letters, another result."""

from typing import NamedTuple


class Subscripts(NamedTuple):
    """The axes of the operands and of y. A weight chosen by index is gathered: it has the axis of its row."""

    x1: str
    x2: str
    weight: str
    y: str

    @property
    def forward(self):
        """Y of x1, weight, x2."""
        return f"{self.x1},{self.weight},{self.x2}->{self.y}"

    @property
    def backward(self):
        """The gradients of x1 of (g, weight, x2), of x2 of (g, weight, x1), of weight of (g, x1, x2)."""
        return (
            f"{self.y},{self.weight},{self.x2}->{self.x1}",
            f"{self.y},{self.weight},{self.x1}->{self.x2}",
            f"{self.y},{self.x1},{self.x2}->{self.weight}",
        )


SUBSCRIPTS = {
    "rows": Subscripts("bi", "bj", "kij", "bk"),
    "pairs": Subscripts("bxi", "byj", "oij", "boxy"),
    "index": Subscripts("bi", "bj", "bij", "b"),
    "one against all": Subscripts("bi", "mj", "bij", "bm"),
    "quadratic": Subscripts("bi", "bj", "kij", "bk"),
}
CHANNELS_SECOND = ("boxy",)  # y whose outputs are its second axis; those of the library are the last
