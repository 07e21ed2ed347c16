"""A bug: how it is put into the library, and the check that has to see it."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from .changed import change


class Bug(NamedTuple):
    name: str
    install: Callable[[], None]
    check: Callable[[], None]


def lines(table, check, place=""):
    """Bugs that are changed lines: module, what stands there, what is put there, what ``check`` is called with."""
    return [
        Bug(
            f"{module}: {line.strip()} -> {instead.strip() or 'nothing'}",
            partial(change, place + module, line, instead),
            check(*rest),
        )
        for module, line, instead, *rest in table
    ]
