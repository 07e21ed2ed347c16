"""How many threads may run at once: the least of what the environment, the scheduler and the container grant."""

import os
from collections.abc import Iterator
from functools import lru_cache
from math import ceil
from pathlib import Path


@lru_cache(maxsize=1)
def available() -> int:
    """At most NUMBA_NUM_THREADS, the processors this process may run on, and its share of their time."""
    limits = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1]
    wish = os.environ.get("NUMBA_NUM_THREADS", "")
    if wish.isdigit():
        limits.append(int(wish))
    limits += (ceil(share) for share in shares(Path("/")))
    return max(1, min(limits))


def shares(root: Path) -> Iterator[float]:
    """Processors' worth of time that control groups (Linux, versions 1 and 2) grant this process, at every level."""
    for line in _lines(root / "proc/self/cgroup"):
        _, names, path = line.split(":", 2)
        if names and "cpu" not in names.split(","):
            continue
        # Version 2 may stand beside version 1, and a container sees its own group at the root or under its full path.
        for mount in (root / "sys/fs/cgroup" / names, root / "sys/fs/cgroup/cpu", root / "sys/fs/cgroup/unified"):
            group = mount / path.lstrip("/")
            for level in (group, *group.parents):
                if level.is_relative_to(mount):
                    yield from _share(level)


def _share(group: Path) -> Iterator[float]:
    numbers = " ".join(_lines(group / "cpu.max")).split()
    if not numbers:
        numbers = [*_lines(group / "cpu.cfs_quota_us"), *_lines(group / "cpu.cfs_period_us")]
    if len(numbers) == 2 and numbers[0].isdigit() and int(numbers[1]) > 0:  # "max" and -1: no limit
        yield int(numbers[0]) / int(numbers[1])


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []
