"""The number of threads: the environment, the scheduler and the container each have a say."""

import os

import pytest

from nbbilinear.backends.numba import processors

GROUPS = {  # /proc/self/cgroup, files under /sys/fs/cgroup, processors' worth of time granted
    "version 2": ("0::/\n", {"cpu.max": "150000 100000\n"}, [1.5]),
    "version 2, a slice": (
        "0::/user.slice/one.scope\n",
        {"user.slice/cpu.max": "300000 100000\n", "user.slice/one.scope/cpu.max": "max 100000\n"},
        [3.0],
    ),
    "version 1": (
        "4:memory:/\n3:cpu,cpuacct:/box\n",
        {"cpu,cpuacct/box/cpu.cfs_quota_us": "50000\n", "cpu,cpuacct/box/cpu.cfs_period_us": "100000\n"},
        [0.5],
    ),
    "version 1, seen from inside": (
        "3:cpuacct,cpu:/docker/0123\n",
        {"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"},
        [2.0],
    ),
    "no limit": ("3:cpu:/\n0::/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, []),
    "none": (None, {}, []),
}


@pytest.mark.parametrize("group", GROUPS)
def test_share_of_the_container(group, tmp_path):
    line, files, granted = GROUPS[group]
    if line is not None:
        files = {"proc/self/cgroup": line} | {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert sorted(set(processors.shares(tmp_path))) == granted


@pytest.mark.parametrize(("wish", "processors_here", "share", "want"), [
    ("", 8, [], 8), ("3", 8, [], 3), ("30", 8, [], 8), ("0", 8, [], 1), ("many", 8, [], 8),
    ("", 8, [2.5, 4.0], 3), ("2", 8, [2.5], 2), ("", 1, [0.5], 1),
])  # fmt: skip
def test_the_least_of_all(wish, processors_here, share, want, monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", wish)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors_here)), raising=False)
    monkeypatch.setattr(processors, "shares", lambda _: share)
    assert processors.available.__wrapped__() == want
