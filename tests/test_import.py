"""Importing the package is quick, quiet and changes nothing; checks hold under -OO."""

import subprocess
import sys

import pytest

HEAVY = ("numba", "llvmlite", "cupy", "scipy", "dask", "torch", "matplotlib", "rich")


def run(code, *flags):
    command = [sys.executable, "-W", "error", *flags, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


@pytest.mark.parametrize("flag", [[], ["-OO"]], ids=["plain", "OO"])
def test_nothing_heavy_is_imported(flag):
    loaded = run(f"import nbbilinear, sys; print(*[m for m in {HEAVY!r} if m in sys.modules])", *flag)
    assert loaded.split() == []


def test_no_side_effects():
    run("""
import os, random, sys, warnings
import numpy as np
events = []
sys.addaudithook(lambda event, args: events.append((event, args)))
before = dict(os.environ), np.geterr(), random.getstate(), repr(np.random.get_state()), list(warnings.filters)
import nbbilinear
after = dict(os.environ), np.geterr(), random.getstate(), repr(np.random.get_state()), list(warnings.filters)
assert before == after
forbidden = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.mkdir", "os.remove", "os.rename")
wrong = [e for e in events if e[0].startswith(forbidden)]
written = [a[0] for e, a in events if e == "open" and a[1] and set(str(a[1])) & set("wax+")]
assert not wrong, wrong
assert all("__pycache__" in str(path) for path in written), written
""")


def test_checks_hold_without_asserts():
    run(
        """
import numpy as np, nbbilinear as nbl
try:
    nbl.bilinear(np.ones((2, 3)), np.ones((2, 3)), np.ones((1, 3, 4)), backend="numba")
except nbl.ShapeError:
    raise SystemExit(0)
raise SystemExit("a shape that does not fit went through")
""",
        "-OO",
    )
