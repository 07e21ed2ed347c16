"""Where the leading axes go: shared by both operands, only in x1, only in x2, or looped over.

Broadcasting is planned here and never carried out: an axis along which only one operand varies makes
the product one of *pairs*, whose cost is far below that of the repeated rows.
"""

from math import prod
from typing import NamedTuple

Shape = tuple[int, ...]


class Axes(NamedTuple):
    """The leading axes of y, by who varies along them. Axes of size one are in none.

    ``shared``, ``only1`` and ``only2`` are as the kernel sees them: where ``mirrored``, its first operand is x2.
    Along ``selecting`` axes the rows use different weights; along ``split`` axes the product is computed
    slice by slice; along ``repeated`` axes (stride zero in every operand) once.
    """

    lead: Shape
    shared: Shape
    only1: Shape
    only2: Shape
    selecting: Shape
    split: Shape
    repeated: Shape
    mirrored: bool

    def sizes(self, axes: Shape) -> Shape:
        """The sizes of these axes."""
        return tuple(self.lead[axis] for axis in axes)

    def count(self, axes: Shape) -> int:
        """The number of rows these axes span."""
        return prod(self.sizes(axes))

    @property
    def structure(self) -> str:
        """``"rows"`` where every row of x1 meets one row of x2, else ``"pairs"``."""
        return "pairs" if self.only1 or self.only2 else "rows"

    def mirror(self) -> "Axes":
        """The same product with x1 and x2 in each other's place."""
        return self._replace(only1=self.only2, only2=self.only1, mirrored=not self.mirrored)


def sort_axes(lead: Shape, lead1: Shape, lead2: Shape, lead_weight: Shape) -> Axes:
    """Sort the axes of ``lead`` by the operands that vary along them.

    The kernels let weights vary along the shared axes and those of their second operand. So where they vary along
    axes of x1 the product is mirrored; where they vary along both, or along an axis that no operand has, the smaller
    set is split off.

    >>> sort_axes((5, 7), (5, 1), (1, 7), (5, 1))._asdict()["mirrored"]
    True
    >>> sort_axes((3, 5, 7), (5, 1), (7,), (3, 1, 1)).split
    (0,)
    """
    varies = [_varies(lead, own) for own in (lead1, lead2, lead_weight)]
    kinds: dict[tuple[bool, bool], list[int]] = {(a, b): [] for a in (True, False) for b in (True, False)}
    for axis, size in enumerate(lead):
        if size != 1:
            kinds[varies[0][axis], varies[1][axis]].append(axis)
    selecting = {axis for axis, size in enumerate(lead) if varies[2][axis] and size != 1}
    shared, only1, only2 = (tuple(kinds[k]) for k in ((True, True), (True, False), (False, True)))
    split = {axis for axis in kinds[False, False] if axis in selecting}
    repeated = tuple(axis for axis in kinds[False, False] if axis not in selecting)
    chosen1, chosen2 = (tuple(axis for axis in only if axis in selecting) for only in (only1, only2))
    if chosen1 and chosen2:
        split |= set(min((chosen1, chosen2), key=lambda axes: prod(lead[a] for a in axes)))
    only1, only2 = (tuple(axis for axis in only if axis not in split) for only in (only1, only2))
    axes = Axes(
        lead, shared, only1, only2, tuple(sorted(selecting - split)), tuple(sorted(split)), repeated, mirrored=False
    )
    return axes.mirror() if selecting & set(only1) else axes


def _varies(lead: Shape, own: Shape) -> list[bool]:
    padded = (1,) * (len(lead) - len(own)) + own
    return [size != 1 for size in padded]
