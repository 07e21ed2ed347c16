"""Batches of rows, in an order of their own."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .arrays import module_of, of_one_library
from .errors import ConfigError, ShapeError, report
from .scalars import flag, random_generator, whole

Array = Any


class Batches:
    """Rows of several arrays side by side, in batches; every loop over it is an epoch.

    Parameters
    ----------
    arrays : sequence of (rows, ...) arrays
        As many rows each; of any dtype.
    size : int
        Rows of a batch.
    shuffle : bool, optional
        Take the rows of each epoch in a new random order.
    drop_last : bool, optional
        Leave out the last batch of an epoch if it is short.
    rng : int or numpy.random.Generator, optional
        Where the orders come from. The same int gives the same epochs; NumPy's global state is not used.

    Attributes
    ----------
    rng : numpy.random.Generator
        ``rng.bit_generator.state`` saves and restores which epoch comes next.

    Yields
    ------
    tuple of (size, ...) arrays
        Copies of rows; without ``shuffle`` views.

    Raises
    ------
    ConfigError
        ``size`` is no whole number >= 1, ``arrays`` no sequence of arrays, ``rng`` no source.
    ShapeError
        The arrays differ in length, or one has no rows axis.
    BackendError, DTypeError
        Arrays are of different libraries, ragged, or masked.

    Notes
    -----
    ``len`` is the number of batches. Cost: a permutation for each epoch, and a copy of each batch.
    Source: ``torch.utils.data.DataLoader`` over a ``TensorDataset``.

    Examples
    --------
    >>> import numpy as np
    >>> from nbbilinear import Batches
    >>> x, labels = np.arange(10.0).reshape(5, 2), np.arange(5)
    >>> batches = Batches((x, labels), size=2, rng=0)
    >>> len(batches), [rows.shape for rows, _ in batches]
    (3, [(2, 2), (2, 2), (1, 2)])
    >>> [picked.tolist() for _, picked in Batches((x, labels), size=2, shuffle=False, drop_last=True)]
    [[0, 1], [2, 3]]
    """

    def __init__(
        self,
        arrays: Sequence[Array],
        size: int,
        *,
        shuffle: bool = True,
        drop_last: bool = False,
        rng: int | np.random.Generator | None = None,
    ) -> None:
        if not isinstance(arrays, (list, tuple)) or not arrays:
            raise ConfigError(f"Batches: arrays must be several in a tuple, as (x,), got {type(arrays).__name__}")
        taken = of_one_library("Batches", {f"arrays[{place}]": array for place, array in enumerate(arrays)})
        lengths = {a.shape[:1] for a in taken.values()}
        if len(lengths) > 1 or () in lengths:
            raise ShapeError(report("Batches: lengths differ", ["expected as many rows in every array"], taken))
        self.arrays = tuple(taken.values())
        self.size = whole("Batches: size", size, least=1)
        self.shuffle, self.drop_last = flag("shuffle", shuffle), flag("drop_last", drop_last)
        self.rng = random_generator(rng)

    def __len__(self) -> int:
        rows = len(self.arrays[0])
        return rows // self.size if self.drop_last else -(-rows // self.size)

    def __iter__(self) -> Iterator[tuple[Array, ...]]:
        # Drawn here and not at the first batch: epochs begun side by side then have the order in which they began.
        order = self.rng.permutation(len(self.arrays[0])) if self.shuffle else None
        starts = range(0, len(self) * self.size, self.size)
        return (self._batch(slice(start, start + self.size), order) for start in starts)

    def _batch(self, rows: slice, order: Array | None) -> tuple[Array, ...]:
        if order is None:
            return tuple(array[rows] for array in self.arrays)
        chosen = module_of(self.arrays[0]).asarray(order[rows])
        return tuple(array[chosen] for array in self.arrays)
