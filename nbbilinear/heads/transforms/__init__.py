"""Transformations of rows: the table of kinds. A new one is a file and a line."""

from .identity import Identity
from .taylor import Taylor
from .transform import Transform

__all__ = ["TRANSFORMS", "Identity", "Taylor", "Transform"]

TRANSFORMS: dict[str, type[Transform]] = {one.kind: one for one in (Identity, Taylor)}
