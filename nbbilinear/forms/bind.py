"""Parameters handed to the steps, one form of a stack after the other, and their gradients taken back."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .steps import Bound, Term

Array = Any


@contextmanager
def bound(
    terms: Sequence[Term], parts: Mapping[str, Array], gradients: dict[str, Array] | None, which: int | Array,
    sizes: Mapping[str, int], backend: str | None, memo: dict[Any, Any],
) -> Iterator[Bound]:  # fmt: skip
    """Bind the form ``which`` of a stack of parameters (count or 1, ...); at the end add to ``gradients``.

    A gradient that is not there yet is entered, of one form; what nothing was added to is left out.

    An array names the form that each row uses: the whole stack is bound.
    """
    if isinstance(which, np.ndarray):
        yield Bound(parts, gradients, sizes, backend, memo, which)
        return
    lays = {name: lay for term in terms for name, lay in term.uses.items() if name in parts}
    arrays = {name: lay.bind(_at(parts[name], which)) for name, lay in lays.items()}
    if gradients is None:
        yield Bound(arrays, None, sizes, backend, memo)
        return
    collected: dict[str, Array] = {}
    yield Bound(arrays, collected, sizes, backend, memo)
    for name, gradient in collected.items():
        settled = lays[name].settle(gradient)
        if name in gradients:
            total = _at(gradients[name], which)
            np.add(total, settled, out=total)
        else:
            gradients[name] = settled


def _at(part: Array, which: int) -> Array:
    """The parameter of one form; shared ones are those of all."""
    return part[which if len(part) > 1 else 0]
