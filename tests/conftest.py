"""Two tiers: quick tests run by default, thorough ones where they are asked for; tests for a device where one is.

`CONTRIBUTING.md` has the table of commands. Every run ends with a line that says what was left out.
"""

from collections import Counter
from importlib.util import find_spec

import pytest
from hypothesis import settings

LEFT_OUT = pytest.StashKey()
TIERS = {"gpu": "for a CUDA device: -m gpu", "thorough": "thorough: -m thorough", "quick": "quick: no -m"}
settings.register_profile("quick", max_examples=15, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=200, deadline=None)
settings.load_profile("quick")  # unless `--hypothesis-profile` names another


def has_device():
    """Whether CuPy is here and sees a device."""
    if find_spec("cupy") is None:
        return False
    import cupy

    return cupy.cuda.is_available()


def pytest_configure(config):
    config.stash[LEFT_OUT] = Counter()


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(config, items):
    """Leave out what nobody asked for by ``-m`` or by name. One process has all tests that compile the same."""
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(family_of(item) or item.path.stem))
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


def family_of(item):
    """The kernels that a test compiles: those it names, or in conformance those that a plan takes for small sizes."""
    callspec = getattr(item, "callspec", None)
    kernel = str(callspec.params.get("kernel")) if callspec else ""
    if kernel.startswith("numba/simd"):
        return kernel
    if item.path.parent.name == "conformance":
        return "forms" if "forms" in item.path.stem else "small"
    return None


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
