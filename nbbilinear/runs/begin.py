"""How a run begins: a console, and kernels compiled before the clock of the first epoch runs."""

from time import perf_counter
from typing import Any

import numpy as np
from rich.console import Console

from ..kg.steps import batches, gradient
from ..kg.training import Training

Array = Any
SPINNER = "line"  # rich's usual one fails where the terminal knows only ASCII


def screen(*, quiet: bool) -> Console:
    """Return the console of a run; names of files and folders are never taken for markup."""
    return Console(quiet=quiet, highlight=False, markup=False)


def compile_kernels(console: Console, training: Training) -> Array:
    """Throw away the gradients of a largest and a smallest batch, so that kernels are compiled; return the former."""
    settings = training.settings
    found = sorted(batches(training.asked, settings.batch, np.random.default_rng(0)), key=len)
    begin = perf_counter()
    with console.status("compiling kernels", spinner=SPINNER):
        for rows in (found[0], found[-1]):  # the plan may take other kernels for a batch of one
            gradient(training.model, training.asked, rows, settings.smoothing)
        training.model.zero_grad()
    seconds = perf_counter() - begin
    if seconds > 1:
        console.print(f"compiling kernels: {seconds:.1f} s", style="dim")
    return found[-1]
