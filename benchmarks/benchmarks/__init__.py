"""Benchmarks of nbbilinear, for ``asv`` and by themselves: see docs/performance/README.md."""

import os

for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # read when NumPy's BLAS is loaded; times are those of one thread
