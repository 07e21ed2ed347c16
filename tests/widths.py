"""The widths of vectors that this machine has: ``@pytest.mark.parametrize("vectors", widths.HERE)`` runs once for each.

Empty where there are no vector kernels. ``ALL`` has the setting without them too. In ``TIERED`` the width in force is
quick and the others are thorough.
"""

import pytest

from nbbilinear import vectors
from nbbilinear.backends.numba.simd.machine import host
from nbbilinear.config import current

HERE = () if host() is None else vectors.here()
ALL = (*HERE, "none")
IN_FORCE = HERE[0] if HERE and current().vectors == "auto" else current().vectors
TIERED = [pytest.param(name, marks=() if name == IN_FORCE else pytest.mark.thorough) for name in HERE]

if __name__ == "__main__":  # for `.ci/run`
    print(*(name for name in HERE if name != IN_FORCE))
