"""What a compression is asked for, and how sizes follow from an error."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..errors import ConfigError
from ..scalars import whole

Array = Any


class Asked(NamedTuple):
    """A rank, or else the error allowed, and the form's other sizes."""

    rank: Any
    rel_error: float | None
    options: Mapping[str, Any]

    def count(self, squares: Array) -> int:
        """The number of terms to keep, of terms whose squares (most important first) add up to the whole.

        Examples
        --------
        >>> Asked(None, 0.5, {}).count(np.array([9.0, 4.0, 3.0]))
        2
        """
        if self.rel_error is None:
            return min(whole("compress: rank", self.rank, least=1), len(squares))
        left = np.append(np.cumsum(squares[::-1], dtype=np.float64)[::-1], 0.0)
        return max(1, int(np.argmax(left <= self.rel_error**2 * left[0])))

    def ranks(self, most: int) -> Iterator[int]:
        """Ranks to try, one after the other: the one asked for, else each about a quarter more than the last.

        Examples
        --------
        >>> list(Asked(None, 0.1, {}).ranks(10))
        [1, 2, 3, 4, 5, 6, 7, 8, 10]
        """
        if self.rel_error is None:
            yield whole("compress: rank", self.rank, least=1)
            return
        rank = 1
        while rank < most:
            yield rank
            rank = max(rank + 1, rank * 5 // 4)
        yield most

    def options_of(self, names: tuple[str, ...], form: str) -> list[int]:
        """The other sizes, by name; ConfigError where one is missing or unknown."""
        if self.options.keys() != set(names):
            wanted = ", ".join(f"{name}=" for name in names) or "none"
            given = ", ".join(f"{name}=" for name in self.options) or "none"
            raise ConfigError(f"compress: {form} has the options {wanted}; given: {given}")
        return [whole(f"compress: {name}", self.options[name], least=1) for name in names]
