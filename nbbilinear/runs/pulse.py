"""Signs of life where nothing is shown for more than a second."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from rich.console import Console

from .begin import SPINNER

FIRST, NEXT = 1.0, 5.0  # seconds


class Pulse:
    """Plain lines, the first after a second without one, then one every five: a log stays readable after hours."""

    def __init__(self, console: Console) -> None:
        self._console, self._next = console, perf_counter() + FIRST

    def due(self) -> bool:
        """Whether the last line was long enough ago."""
        return perf_counter() >= self._next

    def line(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, soft_wrap=True)
        self._next = perf_counter() + NEXT


@contextmanager
def counted(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Give ``watch(what, done, total)`` for long work: a spinner with a share on a terminal, else lines."""
    if not console.is_terminal:
        pulse = Pulse(console)

        def say(what: str, done: int, total: int) -> None:
            if pulse.due():
                pulse.line(f"{what}: {done / max(total, 1):.0%}")

        yield say
        return
    with console.status("", spinner=SPINNER) as status:
        yield lambda what, done, total: status.update(f"{what}: {done / max(total, 1):.0%}")
