"""Every program of the gallery does what its page shows, as a newcomer would run it; a new one adds no test."""

import os
import re
import runpy
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
GALLERY = ROOT / "docs" / "gallery"
GOLDEN = Path(__file__).parent / "golden" / "gallery"
PROGRAMS = sorted(GALLERY.glob("*.py"))
RUN = re.compile(r"^```console\n\$ python docs/gallery/(\S+)(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
PICTURE = re.compile(r"!\[.+\]\((\w+\.png)\)")
MEASURED = re.compile(r"~\S+")  # differs from machine to machine


def page(program):
    return program.with_suffix(".md").read_text()


def runs(program):
    """The arguments and the output of every run that the page of a program shows."""
    return [(shlex.split(given), shown) for name, given, shown in RUN.findall(page(program)) if name == program.name]


def long_runs():
    """(program, arguments, output) of every run but the last of a page."""
    for program in PROGRAMS:
        for given, shown in runs(program)[:-1]:
            yield pytest.param(program, given, shown, id=f"{program.stem}-{' '.join(given)}")


def assert_as_shown(program, shown, printed, code, folder):
    assert MEASURED.sub("~", printed) == MEASURED.sub("~", shown)
    assert code == int("Not reached: " in shown)
    assert sorted(path.name for path in folder.iterdir()) == PICTURE.findall(page(program))


@pytest.mark.thorough
@pytest.mark.parametrize(("program", "given", "shown"), [*long_runs()])
def test_a_program_prints_what_its_page_shows(program, given, shown, tmp_path):
    command = [sys.executable, "-W", "error", program, *given]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    said = done.stdout + "".join(done.stderr.splitlines(keepends=True)[-1:] if done.returncode else [])
    assert_as_shown(program, shown, said, done.returncode, tmp_path)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_the_last_run_of_a_page(program, tmp_path, monkeypatch, capsys):
    """A budget too small for the statement; in this process, which has compiled what it needs."""
    given, shown = runs(program)[-1]
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(GALLERY)
    monkeypatch.setattr(sys, "argv", [str(program), *given])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(program), run_name="__main__")
    assert_as_shown(program, shown, f"{capsys.readouterr().out}{end.value}\n", 1, tmp_path)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_page_shows_a_statement_reached_and_the_same_one_not_reached(program):
    ends = [shown.splitlines()[-1].partition(": ")[0] for _, shown in runs(program)]
    assert set(ends) == {"Not reached", "Reached"}
    assert ends[-1] == "Not reached"
    assert f"]({program.name})" in page(program)
    assert f"]({program.stem}.md)" in (GALLERY / "README.md").read_text()


@pytest.mark.parametrize("picture", sorted(GALLERY.glob("*.png")), ids=lambda path: path.stem)
def test_pictures_are_small_and_shown(picture):
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 60_000
    assert PICTURE.findall(page(picture)) == [picture.name]


@pytest.fixture
def matcher(monkeypatch):
    monkeypatch.syspath_prepend(GALLERY)
    return import_module("matcher")


def trained(matcher, dtype):
    """The program's model before and after training, and the loss of every step."""
    rng = np.random.default_rng(0)
    model = matcher.Matcher(rng, dtype)
    start = model.state_dict()
    batches = matcher.pairs(import_module("stage.digits").load()[0], rng)
    losses = [loss for epoch in matcher.train(model, batches, 30) for loss in epoch]
    return {f"start_{k}": v for k, v in start.items()} | {f"end_{k}": v for k, v in model.state_dict().items()}, losses


# Measured: losses 1.4e-15 and parameters 4e-14 apart in float64, 2.5e-6 and 8e-5 in float32, over all 1140 steps.
@pytest.mark.parametrize(("dtype", "apart", "end"), [("float64", 1e-10, 1e-10), ("float32", 1e-5, 1e-3)])
def test_the_matcher_has_the_curve_it_has_in_torch(matcher, dtype, apart, end):
    states, losses = trained(matcher, dtype)
    with np.load(GOLDEN / f"matcher_{dtype}.npz", allow_pickle=False) as recorded:
        assert int(recorded["epochs"]) == 30
        assert len(losses) == len(recorded["losses"]) == 1140
        assert {name for name in recorded if "_" in name} == set(states)
        for name, value in states.items():
            given = 0 if name.startswith("start") else end
            np.testing.assert_allclose(value, recorded[name], rtol=0, atol=given, err_msg=name)
        np.testing.assert_allclose(losses, recorded["losses"], rtol=0, atol=apart)


def test_another_learning_rate_is_another_curve(matcher, monkeypatch):
    monkeypatch.setattr(matcher, "RATE", matcher.RATE * 1.001)
    with np.load(GOLDEN / "matcher_float64.npz", allow_pickle=False) as recorded:
        assert np.max(abs(trained(matcher, "float64")[1] - recorded["losses"])) > 1e-5
