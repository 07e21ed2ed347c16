"""Every benchmark runs once, at its cheapest parameters, so that none can rot."""

import json
import os
import pkgutil
import subprocess
import sys
from argparse import Namespace
from contextvars import copy_context
from importlib import import_module
from inspect import isabstract
from itertools import count

import benchmarks.forms
import benchmarks.orders
import numpy as np
import peers
import pytest
import rivals
from benchmarks.common import SIZES, Product, draw, places, squeezed
from benchmarks.definition import Definition
from contest import agreement, formed, report
from contest.clock import Clock
from contest.field import Contender, others, ours
from contest.prepare import Preparation, WrongError
from contest.spread import interval, is_tight, undisturbed

import benchmarks
from benchmarks import measure

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(
        os.environ.get("NUMBA_DISABLE_JIT", "0") != "0",
        reason="benchmarks are of compiled code: uncompiled they take hours",
    ),
]
KINDS = ("time_", "track_", "peakmem_", "timeraw_")


def found():
    """(class, method) of every benchmark where it is written; a class on other sizes only is left out."""
    for module in pkgutil.iter_modules(benchmarks.__path__, "benchmarks."):
        for kind in vars(import_module(module.name)).values():
            here = isinstance(kind, type) and kind.__module__ == module.name and not isabstract(kind)
            if here and not any(hasattr(base, "params") for base in kind.__bases__):
                yield from ((kind, name) for name in dir(kind) if name.startswith(KINDS))


def cheapest(kind):
    """The first value on every axis but the first, where that is who computes: all of those."""
    first, *rest = getattr(kind, "params", ()) or ((None,),)
    if getattr(kind, "param_names", ("",))[0] == "case":  # one program for all, and values are tested below
        first = first[:1]
    return [(one, *(axis[0] for axis in rest)) if hasattr(kind, "params") else () for one in first]


@pytest.mark.parametrize(
    ("kind", "name", "params"),
    [
        pytest.param(kind, name, params, id=f"{kind.__name__}.{name}-{'-'.join(map(str, params))}")
        for kind, name in found()
        for params in cheapest(kind)
    ],
)
def test_benchmark_runs(kind, name, params, monkeypatch):
    """Ratios are of two rounds, of a call each: it runs, and what it finds is of no interest here."""
    monkeypatch.setattr(measure, "LEAST", 0.0)
    monkeypatch.setattr(measure, "perf_counter", count(step=3600).__next__)
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


def test_orders_print_their_tables(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["it", "--sizes", "one", "32x10x20x5", "--seconds", "0"])
    benchmarks.orders.main()
    assert capsys.readouterr().out.count("| ---") >= 2


@pytest.mark.parametrize("command", [benchmarks.orders, peers])
def test_an_unknown_size_is_named(command, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["it", "--sizes", "huge"])
    with pytest.raises(SystemExit, match="huge"):
        command.main()


def test_an_unknown_rival_is_named(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["it", "--rivals", "somebody"])
    with pytest.raises(SystemExit, match=r"unknown rivals somebody; there are .*torch left"):
        peers.main()


def test_peers_from_start_to_end(tmp_path):
    """From another folder; then again, compared with the first time."""
    command = [sys.executable, peers.__file__, "--sizes", "32x10x20x5", "--dtype", "float32", "--threads", "1"]
    command += ["--minutes", "0.05", "--rivals", "numpy", "torch", "--forward-only"]
    first = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=True)
    assert first.stdout.count("\n| ---") == 2
    assert all(package in first.stdout.partition("pip install")[2] for package in rivals.absent())
    document = json.loads((tmp_path / "peers" / "peers.json").read_text())
    (result,) = document["results"]
    assert {"ours", *places(), "einsum", "project", "left", "outer"} <= set(result["field"])
    assert all("same" in one or (one["rounds"] > 0 and one["seconds"] > 0) for one in result["field"].values())
    assert document["machine"]["cores"] >= 1
    assert document["versions"]["numpy"] == np.__version__
    assert (tmp_path / "peers" / "peers.png").stat().st_size > 1000
    again = [*command, "--compare", "peers/peers.json", "--output", "again"]
    second = subprocess.run(again, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    assert "ratios differ by more than 10%" in second.stdout, second


def test_what_is_not_installed_is_said(monkeypatch, capsys):
    monkeypatch.setattr(rivals, "LIBRARIES", {"one": "numpy", "two": "no_such_package"})
    assert rivals.absent() == ["no_such_package"]
    assert list(rivals.versions()) == ["numpy"]
    peers._left_out()
    assert "left out, not installed: no_such_package; pip install no_such_package" in capsys.readouterr().out


def operands_of(product):
    operands = squeezed(product.structure, draw(product))
    return operands, operands.pop("grad_output")


@pytest.mark.parametrize(
    "rival",
    [one for one in rivals.RIVALS if one.structure != formed.STRUCTURE],
    ids=lambda rival: f"{rival.structure}-{rival.name}",
)
def test_rival_is_right(rival):
    """On a size where no two axes are equal, and again where all are 1."""
    if not rival.is_present:
        pytest.skip(f"{rival.package} is not installed")
    for size in ("one", min(SIZES[rival.structure], key=lambda name: len(name) if name != "one" else 99)):
        product = Product(rival.structure, size, "float64")
        operands, grad_output = operands_of(product)
        y, *gradients = rival.prepare(operands, grad_output)[1]()
        names = [name for name in operands if name != "index"]
        results = {"y": y} | dict(zip(names, gradients, strict=True))
        shares = Definition(product.structure, draw(product)).shares(results)
        assert max(shares.values()) <= 1, shares


@pytest.mark.parametrize("case", benchmarks.forms.CASES)
def test_everybody_is_right_about_a_form(case):
    """In a small case, where every gradient of every parameter is computed by the definition."""
    product = formed.FormProduct(formed.STRUCTURE, case, "float64")
    few = formed.part(formed.STRUCTURE, formed.draw(product))
    definition = formed.Definition(formed.STRUCTURE, few)
    for contender in [*formed.ours(product), *formed.others(product)]:
        y, both = (call() for call in contender.prepare(formed.STRUCTURE, few))
        assert definition.shares(formed.named("", y))["y"] <= 1, contender.name
        shares = definition.shares(formed.named("", both, few["weight"].parameters))
        assert max(shares.values()) <= 1, (contender.name, shares)
        assert len(shares) == (3 if contender.name == formed.FULL else 3 + len(few["weight"].parameters))
        for place in range(len(shares)):
            wrong = [1.001 * one if n == place else one for n, one in enumerate(both)]
            caught = definition.shares(formed.named("", tuple(wrong), few["weight"].parameters))
            assert max(caught.values()) > 1, (contender.name, place)


def preparation():
    return Preparation(Clock(1), Namespace(forward_only=False, slowest=8.0), ())


@pytest.mark.parametrize("broken", range(5))
def test_a_wrong_rival_is_caught(broken):
    """One result of the five, off by a thousandth."""
    product = Product("rows", "32x10x20x5", "float32")
    rival = rivals.rivals("rows")["left"]

    def prepare(structure, operands):
        operands = squeezed(structure, operands)
        forward, both = rival.prepare(operands, operands.pop("grad_output"))
        return forward, lambda: tuple(one * 1.001 if n == broken else one for n, one in enumerate(both()))

    with pytest.raises(WrongError, match=r"cheat is wrong on .*32x10x20x5"):
        preparation().cells(product, [*ours(product), Contender("cheat", "cheat", prepare)], 0)


@pytest.mark.parametrize("structure", SIZES)
def test_cells_of_every_structure(structure):
    product = Product(structure, "one", "float32")
    field = [*ours(product), *others(product, ["numpy"])]
    for cell in preparation().cells(product, field, 0):
        cell.round(0)
        assert set(cell.result()["field"]) == {contender.name for contender in field}


def test_what_is_too_slow_is_not_run_again():
    product = Product("rows", "32x10x20x5", "float64")
    slow = {"structure": "rows", "size": "32x10x20x5", "dtype": "float32", "direction": "forward"}
    known = [slow | {"field": {"left": {"seconds": 100.0, "rounds": 1}}}]
    rows = Preparation(Clock(1), Namespace(forward_only=True, slowest=8.0), known)
    (cell,) = rows.cells(product, [*ours(product), *others(product, ["left", "outer"])], 0)
    assert cell.others["left"] == {"column": "by hand", "not_run": True, "expected": 200.0}
    assert "outer" in cell.entrants


def test_medians_and_how_sure_they_are():
    assert interval(range(1, 8)) == (1, 7)
    assert interval(range(1, 10)) == (2, 8)
    assert not is_tight([1.0, 1.0])
    assert is_tight([1.0, 1.01, 1.0])
    assert not is_tight([1.0, 1.2, 1.0])
    assert undisturbed([1, 2, 3, 4], [0.0, 0.5, 0.01, 0.9]) == [1, 3]
    assert undisturbed([1, 2, 3, 4], [0.5, 0.6, 0.7, 0.8]) == [1, 2]


def test_runs_are_compared_where_there_is_work(capsys):
    def document(seconds, ratio):
        field = {"ours": {"seconds": seconds, "ratio": 1.0}, "it": {"seconds": 1.0, "ratio": ratio}}
        place = {"structure": "rows", "size": "one", "dtype": "float32", "direction": "forward", "threads": 1}
        return {"results": [place | {"field": field}]}

    assert agreement.compare(document(1e-4, 2.0), document(1e-4, 2.1)) == 0
    assert agreement.compare(document(1e-5, 2.0), document(1e-5, 4.0)) == 0
    assert agreement.compare(document(1e-4, 2.0), document(1e-4, 2.3)) == 1
    assert "1 of 1 ratios differ" in capsys.readouterr().out


def test_the_table_says_who_is_best(capsys):
    numbers = {"seconds": 1e-3, "ratio": 1.0, "quartiles": [1, 1], "extra_bytes": 0}
    field = {
        "ours": numbers | {"column": "ours"},
        "numpy": {"column": "numpy", "same": True},
        "left": numbers | {"column": "by hand", "ratio": 3.0},
        "outer": numbers | {"column": "by hand", "ratio": 0.5, "extra_bytes": 2e6},
        "einsum": {"column": "einsum", "not_run": True, "expected": 99.0},
    }
    place = {"structure": "rows", "size": "one", "dtype": "float32", "direction": "forward", "threads": 1}
    report.show({"ours": ["numpy"], "results": [place | {"field": field}]})
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("| one"))
    assert [cell.strip() for cell in line.split("|")[1:-1]] == [
        "one", "1,000.0", "=", "0.50 (outer)", "slow", "outer", "0.50",
    ]  # fmt: skip
