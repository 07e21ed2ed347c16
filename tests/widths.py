"""The widths of vectors that this machine has: ``@pytest.mark.parametrize("vectors", widths.HERE)`` runs once for each.

Empty where there are no vector kernels. ``ALL`` has the setting without them too.
"""

from nbbilinear import vectors
from nbbilinear.backends.numba.simd.machine import host

HERE = () if host() is None else vectors.here()
ALL = (*HERE, "none")
