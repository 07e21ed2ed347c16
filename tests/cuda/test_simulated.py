"""The CUDA kernels without a device: in Numba's simulator, as they are and with every bug of a table.

The simulator is chosen when Numba is imported, so it has a process of its own.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.thorough
@pytest.mark.parametrize("file", ["simulated.py", "mutants.py"])
def test_in_the_simulator(file):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / file)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=900, cwd=HERE.parents[1],
        env=os.environ | {"NUMBA_ENABLE_CUDASIM": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
