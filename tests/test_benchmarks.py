"""Every benchmark runs once, at its cheapest parameters, so that none can rot."""

import os
import pkgutil
import subprocess
import sys
from contextvars import copy_context
from importlib import import_module
from inspect import isabstract

import benchmarks.orders
import benchmarks.peers
import pytest

import benchmarks

pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") != "0",
    reason="benchmarks are of compiled code: uncompiled they take hours",
)
KINDS = ("time_", "track_", "peakmem_", "timeraw_")


def found():
    """(class, method) of every benchmark where it is written; a class on other sizes only is left out."""
    for module in pkgutil.iter_modules(benchmarks.__path__, "benchmarks."):
        for kind in vars(import_module(module.name)).values():
            here = isinstance(kind, type) and kind.__module__ == module.name and not isabstract(kind)
            if here and not any(hasattr(base, "params") for base in kind.__bases__):
                yield from ((kind, name) for name in dir(kind) if name.startswith(KINDS))


def cheapest(kind):
    """The first value on every axis but the first, which is who computes: all of those."""
    first, *rest = getattr(kind, "params", ()) or ((None,),)
    return [(one, *(axis[0] for axis in rest)) if hasattr(kind, "params") else () for one in first]


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
    try:
        result = getattr(benchmark, name)(*params)
    finally:
        if hasattr(benchmark, "teardown"):
            benchmark.teardown(*params)
    if name.startswith("timeraw_"):
        statement, setup = result if isinstance(result, tuple) else (result, "")
        subprocess.run([sys.executable, "-c", f"{setup}\n{statement}"], check=True, timeout=120)
    if name.startswith("track_"):
        assert result >= 0
        assert isinstance(getattr(getattr(benchmark, name), "unit", getattr(benchmark, "unit", None)), str)


def test_every_axis_has_a_name_and_values():
    for kind, _ in found():
        params = getattr(kind, "params", ())
        assert len(params) == len(getattr(kind, "param_names", ())), kind
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
