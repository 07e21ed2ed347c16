"""Every benchmark runs once, at its cheapest parameters, so that none can rot."""

import pkgutil
import subprocess
import sys
from contextvars import copy_context
from importlib import import_module

import benchmarks.orders
import benchmarks.peers
import pytest

import benchmarks

KINDS = ("time_", "track_", "peakmem_", "timeraw_")


def found():
    """(class, method) of every benchmark, once, where it is written or inherited."""
    for module in pkgutil.iter_modules(benchmarks.__path__, "benchmarks."):
        for kind in vars(import_module(module.name)).values():
            if (
                isinstance(kind, type)
                and kind.__module__ == module.name
                and not getattr(kind, "__abstractmethods__", None)
            ):
                yield from ((kind, name) for name in dir(kind) if name.startswith(KINDS))


def cheapest(kind):
    """The first value on every axis but the first, which is who computes: all of those."""
    first, *rest = getattr(kind, "params", ((),))
    return [(one, *(axis[0] for axis in rest)) for one in first] or [()]


@pytest.mark.parametrize(
    ("kind", "name", "params"),
    [
        pytest.param(kind, name, params, id=f"{kind.__name__}.{name}-{'-'.join(map(str, params))}")
        for kind, name in found()
        for params in cheapest(kind)
    ],
)
def test_benchmark_runs(kind, name, params):
    copy_context().run(run, kind(), name, params)


def run(benchmark, name, params):
    if hasattr(benchmark, "setup"):
        benchmark.setup(*params)
    result = getattr(benchmark, name)(*params)
    if hasattr(benchmark, "teardown"):
        benchmark.teardown(*params)
    if name.startswith("timeraw_"):
        statement, setup = result if isinstance(result, tuple) else (result, "")
        subprocess.run([sys.executable, "-c", f"{setup}\n{statement}"], check=True, timeout=120)
    if name.startswith("track_"):
        assert result >= 0
        assert isinstance(getattr(getattr(benchmark, name), "unit", getattr(benchmark, "unit", None)), str)


def test_every_axis_has_a_name_and_a_value():
    for kind, _ in found():
        params = getattr(kind, "params", ())
        assert len(params) == len(getattr(kind, "param_names", ()))
        assert all(len(axis) for axis in params), kind


@pytest.mark.parametrize("command", [benchmarks.orders, benchmarks.peers])
def test_command_prints_its_tables(command, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["it", "--sizes", "one", "32x10x20x5", "--seconds", "0"])
    command.main()
    assert capsys.readouterr().out.count("| ---") >= 2


def test_an_unknown_size_is_named(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["it", "--sizes", "huge"])
    with pytest.raises(SystemExit, match="huge"):
        benchmarks.peers.main()
