"""The command line, as a process of its own where the process matters."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from nbbilinear import cli, demo, info
from nbbilinear.demo.published import GRAPHS
from nbbilinear.kg import Rescal, names

import keyboard

ROOT = Path(__file__).parents[2]
SMALL = ("demo", "--dataset", "nations", "--epochs", "2", "--dim", "8")
ASCII = {"PYTHONIOENCODING": "ascii", "FORCE_COLOR": "1", "TERM": "vt100"}
FILES = {"nations.png", "metrics.json", "rescal-nations.npz"}


def nbbilinear(*arguments, before="", **options):
    """Run the command in a new process, after some Python."""
    code = f"import sys\n{before}\nfrom nbbilinear.cli import main\nsys.exit(main({list(map(str, arguments))!r}))"
    return subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=120, **options
    )


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A small demonstration: what it printed, and its folder."""
    folder = tmp_path_factory.mktemp("demo") / "new" / "out"
    return nbbilinear(*SMALL, "--output", folder), folder


def test_demo_leaves_its_three_files_and_no_others(shown):
    done, folder = shown
    assert (done.returncode, done.stderr) == (0, "")
    assert {file.name for file in folder.iterdir()} == FILES
    assert [file.name for file in folder.parents[1].iterdir()] == ["new"]
    assert (folder / "nations.png").read_bytes().startswith(b"\x89PNG")


def test_demo_s_model_gives_the_metrics_written_beside_it(shown):
    _, folder = shown
    from nbbilinear.kg import evaluate, load

    facts = json.loads((folder / "metrics.json").read_text())
    graph, model = load("nations"), Rescal.load(folder / "rescal-nations.npz")
    found = evaluate(model.scores, graph, graph.test).both
    assert {f"test_{name}": value for name, value in found._asdict().items()}.items() <= facts.items()
    assert facts["valid_mrr"] == evaluate(model.scores, graph, graph.valid).both.mrr


def test_demo_writes_down_how_it_was_done(shown):
    facts = json.loads((shown[1] / "metrics.json").read_text())
    assert facts["dataset"] == "nations"
    assert facts["settings"] | {"epochs": 2, "dim": 8, "seed": 0} == facts["settings"]
    assert facts["versions"].keys() >= {"nbbilinear", "python", "numpy", "numba"}
    assert facts["seconds"] > 0
    assert [epoch["epoch"] for epoch in facts["epochs"]] == [1, 2]


def test_demo_times_every_backend_and_all_agree(shown):
    from nbbilinear import backends

    steps = json.loads((shown[1] / "metrics.json").read_text())["step"]
    ran = [step for step in steps if not step["reason"]]
    assert "numpy/einsum" in {step["kernel"] for step in ran}
    assert {step["kernel"].split("/")[0] for step in steps} == set(backends.names("numpy"))
    assert all(step["median"] > 0 and step["difference"] < 1e-3 for step in ran)


def test_demo_prints_plain_lines_where_there_is_no_terminal(shown):
    text = shown[0].stdout
    assert "\x1b" not in text
    assert "epoch 2/2" in text
    for row in GRAPHS["nations"].rows:
        assert row.model in text
    assert "Over 95% of Nations are inverse relations" in text
    assert all(len(line) <= 80 or line.startswith("Wrote") for line in text.splitlines())


@pytest.mark.thorough
def test_quiet_demo_prints_one_line_and_overwrites(shown, tmp_path):
    """In a folder where a demonstration with another seed has left its files."""
    shutil.copytree(shown[1], tmp_path, dirs_exist_ok=True)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    done = nbbilinear(*SMALL, "--quiet", "--overwrite", "--seed", 2, "--output", tmp_path)
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 1)
    assert json.loads((tmp_path / "metrics.json").read_text())["settings"]["seed"] == 2
    assert {file.name for file in tmp_path.iterdir()} == FILES
    assert all(file.read_bytes() != before[file.name] for file in tmp_path.iterdir())


@pytest.mark.thorough
def test_demo_prints_on_a_terminal_that_knows_only_ascii(tmp_path):
    done = nbbilinear(*SMALL, "--output", tmp_path, env=os.environ | ASCII)
    assert (done.returncode, done.stderr) == (0, "")
    assert "validation MRR" in done.stdout


@pytest.mark.thorough
@pytest.mark.parametrize("package", ["rich", "matplotlib", "threadpoolctl"])
def test_demo_without_its_packages_says_how_to_get_them(package, tmp_path):
    done = nbbilinear(*SMALL, "--output", tmp_path / "out", before=f"sys.modules[{package!r}] = None")
    assert done.returncode == 2
    assert done.stderr == f"nbbilinear: the demo needs {package}: pip install {package}\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.thorough
@pytest.mark.parametrize("below", ["", "out"])
def test_demo_refuses_a_file_as_its_folder_before_it_begins(below, tmp_path):
    (tmp_path / "taken").write_text("mine")
    done = nbbilinear(*SMALL, "--output", tmp_path / "taken" / below)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "is a file" in done.stderr
    assert (tmp_path / "taken").read_text() == "mine"


def test_demo_that_fails_at_the_end_leaves_the_folder_as_it_was(tmp_path, monkeypatch, capsys):
    from nbbilinear.demo import story

    def full(*_):
        raise OSError(28, "No space left on device")

    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "metrics.json").write_text("old")
    monkeypatch.setattr(story.files, "write_json", full)
    assert cli.main([*SMALL, "--quiet", "--overwrite", "--output", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == "nbbilinear: [Errno 28] No space left on device\n"
    assert [(file.name, file.read_text()) for file in (tmp_path / "out").iterdir()] == [("metrics.json", "old")]
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent to a process there in another way")
def test_demo_stopped_by_the_keyboard_says_so_and_leaves_nothing(tmp_path):
    arguments = ["demo", "--dataset", "nations", "--dim", "8", "--epochs", "100000", "--output", tmp_path / "out"]
    command = [sys.executable, "-u", "-m", "nbbilinear", *map(str, arguments)]
    assert keyboard.stopped(command, lambda line: "epoch" in line) == (
        130,
        "nbbilinear: stopped; nothing was written\n",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["demo", "--dataset", "fb15k-237"],
        ["demo", "--epochs", "0"],
        ["demo", "--dim", "-1"],
        ["demo", "--seed", "x"],
        ["info", "--yaml"],
    ],
)
def test_a_wrong_command_exits_with_2_and_says_what_is_right(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert "usage: nbbilinear" in capsys.readouterr().err


def test_options_have_one_place_for_their_defaults(monkeypatch):
    asked = []
    monkeypatch.setattr(demo, "run", asked.append)
    assert cli.main(["demo"]) == 0
    assert asked == [demo.Options()]


def test_info_tells_versions_processor_threads_and_backends():
    done = nbbilinear("info")
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("numpy", "numba", "llvmlite", "processors allowed", "numpy/einsum"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ({"avx2": True, "avx512f": False, "fma": True, "sse2": True}, {"avx2": True, "avx512f": False, "fma": True}),
        ({"neon": True, "sve": False, "lse": True}, {"neon": True, "sve": False}),
        ({}, {}),
    ],
)
def test_info_names_the_vectors_that_a_processor_of_this_kind_may_have(monkeypatch, features, said):
    from llvmlite import binding

    monkeypatch.setattr(binding, "get_host_cpu_features", lambda: features)
    assert info.facts()["processor"] == {"name": binding.get_host_cpu_name()} | said


def test_info_as_json_has_the_same_parts_and_every_backend(capsys):
    from nbbilinear import backends

    assert cli.main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts.keys() == {"versions", "processor", "threads", "vectors", "backends", "optional packages"}
    assert facts["backends"].keys() == set(backends.names())


def test_info_names_the_line_that_brings_a_missing_package(monkeypatch, capsys):
    monkeypatch.setattr(info, "installed", lambda package: None if package == "matplotlib" else "1.0")
    cli.main(["info"])
    assert "rich 1.0; threadpoolctl 1.0; missing matplotlib: pip install matplotlib" in capsys.readouterr().out


def test_info_shows_wrong_settings_instead_of_failing(monkeypatch, capsys):
    from nbbilinear.config import _from_environment

    monkeypatch.setenv("NBBILINEAR_THREADS", "many")
    _from_environment.cache_clear()
    try:
        assert cli.main(["info"]) == 0
    finally:
        _from_environment.cache_clear()
    assert "NBBILINEAR_THREADS must be a whole number, got 'many'" in capsys.readouterr().out


def test_demo_refuses_a_link_that_leads_nowhere(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    done = nbbilinear(*SMALL, "--output", tmp_path / "link")
    assert (done.returncode, done.stdout) == (2, "")
    assert "where nothing is" in done.stderr


def test_optional_packages_are_those_of_the_project_file():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra, packages in info._EXTRAS.items():
        assert tuple(line.partition(">")[0].partition("[")[0] for line in extras[extra]) == packages
    assert extras.keys() - info._EXTRAS.keys() >= {"test", "dev", "bench"}


def test_version_is_printed(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith("nbbilinear ")


def test_every_graph_has_published_results_and_recorded_ones_are_as_recorded():
    assert GRAPHS.keys() == set(names())
    for name in ("kinships", "nations"):  # for UMLS another run, the better one, is shown
        recorded = json.loads((ROOT / "tests" / "golden" / "kg" / f"{name}_pykeen_rescal.json").read_text())
        shown = GRAPHS[name].rows[1].metrics
        for value, key in zip(shown, ("mrr", "hits@1", "hits@3", "hits@10"), strict=True):
            assert value == round(recorded["metrics"][f"both.{key}"], 3)


def test_command_line_starts_without_the_compiler_and_without_drawing():
    loaded = nbbilinear("demo", before="import nbbilinear.cli; print(*sys.modules); sys.exit()").stdout.split()
    assert not {"numba", "llvmlite", "rich", "matplotlib"} & set(loaded)
