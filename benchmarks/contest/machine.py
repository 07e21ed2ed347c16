"""The process that measures: its environment, its cores; and what it ran on."""

import os
import platform
import sys
from pathlib import Path

import rivals

POOLS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
# OpenBLAS's helpers look for work for a tenth of a second after a call, on a core that the next library needs: 2**20
# ticks are about a third of a millisecond.
SHORT_WAIT = {"OPENBLAS_THREAD_TIMEOUT": "20"}
# glibc learns while a process runs which memory to keep for the next call, and which to return and fault in again, so
# that a time depends on everything before it. This is where that ends: pieces of up to 32 MB are kept.
KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(1 << 30)}


def environment(threads):
    """For a process whose libraries shall have so many threads: most read it when they are loaded."""
    eigen = "true" if threads > 1 else "false"
    flags = f"--xla_cpu_multi_thread_eigen={eigen} intra_op_parallelism_threads={threads}"
    return os.environ | dict.fromkeys(POOLS, str(threads)) | SHORT_WAIT | KEPT_MEMORY | {"XLA_FLAGS": flags}


def cores():
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def pin(threads):
    """Keep to as many cores as there are threads: the last ones, since interrupts tend to meet the first."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores()[-threads:])


def described():
    """Machine and versions, for the JSON."""
    model, features = _processor()
    return {
        "machine": {
            "processor": model,
            "cores": len(cores()),
            "features": features,
            "system": platform.platform(),
        },
        "versions": {"python": platform.python_version()} | rivals.versions(),
        "command": sys.argv,
    }


def _processor():
    """Its name, and those of its features that decide how wide a kernel may be."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine(), []
    facts = dict(line.split(":", 1) for line in text.partition("\n\n")[0].splitlines() if ":" in line)
    facts = {name.strip(): value.strip() for name, value in facts.items()}
    flags = facts.get("flags", facts.get("Features", "")).split()
    wide = [flag for flag in flags if flag.startswith(("avx", "fma", "amx", "asimd", "sve"))]
    return facts.get("model name", platform.machine()), wide
