"""The tests tested: every bug that is put into the library makes them fail, whatever width the vectors have.

``python -m seeded FAMILY``, in this folder, runs a family and prints what became of each bug.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import parallel_calls
import widths

PLACE = Path(__file__).parent
FAMILIES = sorted(file.stem for file in (PLACE / "seeded" / "families").glob("*.py"))
OF_VECTORS = ("vectors", "form_kernels", "halves")
WAYS = [
    (family, width) for family in FAMILIES for width in (widths.HERE if family in OF_VECTORS else (widths.IN_FORCE,))
]
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(parallel_calls.PLAIN_PYTHON, reason="nothing is compiled"),
    pytest.mark.skipif(sys.platform != "linux", reason="guard pages, and limits of a process, as Linux has them"),
]
ENDS = {"harm": ["crash (SIGSEGV)"] * 3 + ["time is up"]}  # families whose bugs are to end in these ways
NO_BUG = """
from seeded.bugs import lines
from seeded.judge import judged
there, instead = "min((chosen1", "max((chosen1"
for bug in lines([("axes", "no such line", ""), ("axes", there, there), ("axes", there, instead)], lambda: print):
    print(judged(bug.install, bug.check, 1)[:2], flush=True)
"""


@pytest.mark.parametrize(("family", "width"), WAYS)
def test_every_bug_is_caught(family, width):
    found = in_process("-m", "seeded", family, width=width)
    assert found.returncode == 0, f"{found.stdout}\n{found.stderr}"
    for line, end in zip(found.stdout.splitlines(), ENDS.get(family, []), strict=False):
        assert line.startswith(end)


def test_what_is_no_bug_or_survives_is_not_called_caught():
    said = in_process("-c", NO_BUG, width=widths.IN_FORCE).stdout.splitlines()
    assert said == ["(False, 'NOT INSTALLED')"] * 2 + ["(False, 'SURVIVED')"]


def in_process(*arguments, width):
    """Run Python with these vectors in force."""
    environment = os.environ | {"NBBILINEAR_VECTORS": width, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, *arguments]
    return subprocess.run(command, check=False, cwd=PLACE, env=environment, capture_output=True, text=True)
