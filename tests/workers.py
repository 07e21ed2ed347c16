"""Which tests run in one process of pytest-xdist: those that compile the same, and else those of a file.

Its own ``--dist loadgroup`` does nothing with pytest 9.2, which takes no other names for tests.
"""

import re

from xdist.scheduler import LoadScopeScheduling

PROCESSES = (  # what a test's name begins with, and the process it is in; what no line fits goes by its file
    (r"tests/conformance/test_forms|tests/unit/test_form", "forms"),
    (r"tests/(conformance/|unit/test_(simd|vectors|parallel|flush|many_threads|arm))", "kernels"),
    (r"(tests/(test_seeded|cuda/).*)", r"\1"),  # each alone: they take long, and have processes of their own
)


class ByWhatIsCompiled(LoadScopeScheduling):
    """Scopes are processes by name, in the order in which tests are collected."""

    def __init__(self, config, log=None):
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid):
        for begins, process in PROCESSES:
            if found := re.match(begins, nodeid):
                return found.expand(process)
        return nodeid.partition("::")[0]
