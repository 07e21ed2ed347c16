"""Two tiers: quick tests run by default, thorough ones where they are asked for; tests for a device where one is.

`CONTRIBUTING.md` has the table of commands. Every run ends with a line that says what was left out.
"""

from collections import Counter
from importlib.util import find_spec

import pytest
from hypothesis import settings

LONG = ("tests/test_seeded", "tests/cuda/")
LEFT_OUT = pytest.StashKey()
TIERS = {"gpu": "for a CUDA device: -m gpu", "thorough": "thorough: -m thorough", "quick": "quick: no -m"}
settings.register_profile("quick", max_examples=15, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=60, deadline=None)
settings.load_profile("quick")  # unless `--hypothesis-profile` names another


def has_device():
    """Whether CuPy is here and sees a device."""
    if find_spec("cupy") is None:
        return False
    import cupy

    return cupy.cuda.is_available()


def pytest_configure(config):
    config.stash[LEFT_OUT] = Counter()


def pytest_collection_modifyitems(config, items):
    """Leave out what nobody asked for by ``-m`` or by name. What takes longest begins first."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
    if config.option.markexpr or any("::" in argument for argument in config.args):
        return
    unasked = {"thorough"} if has_device() else {"thorough", "gpu"}
    left = [item for item in items if any(item.get_closest_marker(name) for name in unasked)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]


def pytest_deselected(items):
    """Count what is left out, whoever does it, by tier."""
    for item in items:
        tier = next((name for name in ("gpu", "thorough") if item.get_closest_marker(name)), "quick")
        item.config.stash[LEFT_OUT][tier] += 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Nothing is compiled in two processes that one could compile."""
    from workers import ByWhatIsCompiled

    return ByWhatIsCompiled(config, log)


def pytest_sessionfinish(session):
    """A worker of pytest-xdist hands its counts to the process that prints."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = dict(session.config.stash[LEFT_OUT])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Every worker leaves out the same."""
    node.config.stash[LEFT_OUT] |= Counter(getattr(node, "workeroutput", {}).get("left_out", {}))


def pytest_terminal_summary(terminalreporter, config):
    left_out = config.stash[LEFT_OUT]
    said = [f"{left_out[tier]:,} {how}" for tier, how in TIERS.items() if left_out[tier]]
    if said:
        terminalreporter.write_line(f"left out: {'; '.join(said)}")
