"""The pool of threads: a promise that is not kept."""

from functools import partial

import pytest
from unit import test_flush_to_zero, test_parallel

from nbbilinear.backends.numba import parallel, processors

from ..bugs import Bug


def one_piece_for_everybody(job):
    args = (*job.args, job.workspace[: job.piece])
    for number in job.claims:
        if number >= job.total:
            return
        job.body(*args, number, number + 1)


def put(owner, name, instead):
    setattr(owner, name, instead)


def mode():
    """The floating-point mode of the caller does not show, and is as it was."""
    with pytest.MonkeyPatch.context() as patch:
        test_flush_to_zero.test_the_mode_does_not_show("numba/portable", "flush to zero", patch)


def pieces():
    """Every thread has memory of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processors, "available", lambda: 64)
        test_parallel.test_nobody_shares_a_piece_of_the_workspace(5, None)


def errors():
    """What a helper raises reaches the caller."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processors, "available", lambda: 64)
        test_parallel.test_an_error_in_a_helper_reaches_the_caller()


FLOATING_POINT, JOB = parallel.floating_point, parallel._Job
BUGS = [
    Bug("a mode that is not set", partial(put, FLOATING_POINT, "enter", lambda: 0), mode),
    Bug("a mode that is not restored", partial(put, FLOATING_POINT, "leave", lambda before: None), mode),
    Bug("one piece of the workspace for everybody", partial(put, JOB, "work", one_piece_for_everybody), pieces),
    Bug("an error that is swallowed", partial(put, JOB, "wait", lambda job: None), errors),
]
if not test_flush_to_zero.MODES:  # the mode is out of reach on this processor
    BUGS = [bug for bug in BUGS if bug.check is not mode]
