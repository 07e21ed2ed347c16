"""``nbbilinear train`` from end to end, as a process of its own where the process matters."""

import json
import os
import pty
import shutil
import subprocess
import sys

import numpy as np
import pytest
from malformed import MALFORMED

from nbbilinear import cli, train
from nbbilinear.kg import NamedRescal, Rescal, Settings, Training, evaluate, load, read_folder

import keyboard

NATIONS = load("nations")
FILES = {"training.png", "metrics.json", "rescal.npz"}
SMALL = ("--epochs", "4", "--dim", "8")


def export(folder, graph=NATIONS):
    """The graph as a user has it."""
    folder.mkdir()
    for part in ("train", "valid", "test"):
        rows = [
            "\t".join((graph.entities[h], graph.relations[r], graph.entities[t])) for h, r, t in getattr(graph, part)
        ]
        (folder / f"{part}.tsv").write_text("\n".join(rows) + "\n")
    return folder


def command(place, *arguments):
    where = ("--triples", place / "nations", "--output", place / "out")
    return [sys.executable, "-W", "error", "-u", "-m", "nbbilinear", "train", *map(str, (*where, *arguments))]


def run(place, *arguments, **options):
    return subprocess.run(
        command(place, *arguments), check=False, capture_output=True, text=True, timeout=120, **options
    )


def inside(place, *arguments):
    """The same without a new process: the exit code."""
    return cli.main(command(place, *arguments)[6:])


def parameters(path):
    model = NamedRescal.load(path).model
    return {name: array.tobytes() for name, array in model.state_dict().items()}


@pytest.fixture
def place(tmp_path):
    export(tmp_path / "nations")
    return tmp_path


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A small training: the process, and its place."""
    place = tmp_path_factory.mktemp("train")
    export(place / "nations")
    return run(place, *SMALL), place


def test_train_leaves_its_three_files_and_no_others(done):
    process, place = done
    assert (process.returncode, process.stderr) == (0, "")
    assert {file.name for file in (place / "out").iterdir()} == FILES
    assert {file.name for file in place.iterdir()} == {"nations", "out"}
    assert (place / "out" / "training.png").read_bytes().startswith(b"\x89PNG")


def test_train_shows_epochs_and_results_as_plain_lines(done):
    text = done[0].stdout
    assert "\x1b" not in text
    for said in (
        "RESCAL on nations: 14 entities, 55 relations, 1,592 training triples",
        "epoch 4/4",
        "hits@10",
        "Wrote",
    ):
        assert said in text
    assert "Conv" not in text


def test_the_model_has_names_and_gives_the_metrics_written_beside_it(done):
    place = done[1]
    named, graph = NamedRescal.load(place / "out" / "rescal.npz"), read_folder(place / "nations").graph
    assert list(named.entities) == list(graph.entities)
    assert list(named.relations) == list(graph.relations)
    facts = json.loads((place / "out" / "metrics.json").read_text())
    test = evaluate(named.model.scores, graph, graph.test)
    assert {f"test_{name}": value for name, value in test.both._asdict().items()}.items() <= facts.items()
    assert facts["valid_mrr"] == evaluate(named.model.scores, graph, graph.valid).both.mrr
    assert facts["sizes"] == {"entities": 14, "relations": 55, "train": 1592, "valid": 199, "test": 201}
    assert facts["settings"] | {"epochs": 4, "dim": 8, "seed": 0, "batch": 64} == facts["settings"]
    assert [epoch["epoch"] for epoch in facts["epochs"]] == [1, 2, 3, 4]
    assert facts["versions"]["nbbilinear"]


@pytest.mark.thorough
def test_train_learns_what_the_demo_learns(place):
    """In another order of names, so with other initial values; PyKEEN's RESCAL of this size has 0.598."""
    assert inside(place, "--quiet", "--dim", "50") == 0
    assert json.loads((place / "out" / "metrics.json").read_text())["test_mrr"] > 0.56


def test_every_option_reaches_the_training(place, monkeypatch):
    asked = []
    monkeypatch.setattr(train, "run", asked.append)
    given = {"dim": 3, "epochs": 2, "seed": 5, "lr": 0.25, "weight_decay": 0.5, "batch": 7}
    inside(place, "--quiet", *(f"--{k.replace('_', '-')}={v}" for k, v in given.items()), "--checkpoint", place / "c")
    expected = train.Options(place / "nations", place / "out", **given, checkpoint=place / "c", quiet=True)
    assert asked == [expected]
    settings = expected.settings()
    assert settings == Settings(2, 0.25, 0.5, Settings().smoothing, 7, 1, 5)
    cli.main(["train", "--triples", "here"])
    assert asked[1] == train.Options(cli.Path("here"))


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        *([f"--{name}", value] for name in ("lr", "weight-decay") for value in ("nan", "-1", "inf", "x")),
        ["--lr", "0"],
    ],
)
def test_a_wrong_command_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["train", *arguments])
    assert stopped.value.code == 2
    assert "usage: nbbilinear train" in capsys.readouterr().err


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_file_is_one_line_on_stderr_and_nothing_is_written(case, place, capsys):
    content, said = MALFORMED[case]
    (place / "nations" / "valid.tsv").write_bytes(content)
    assert inside(place, "--checkpoint", place / "c.npz") == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(f"nbbilinear: {place / 'nations' / 'valid.tsv'}{said}")
    assert (shown.err.count("\n"), shown.err[-1], shown.out) == (1, "\n", "")
    assert [file.name for file in place.iterdir()] == ["nations"]


@pytest.mark.thorough
def test_a_malformed_file_ends_a_real_process_the_same_way(place):
    (place / "nations" / "test.tsv").write_bytes(b"uk\tembassy\tbra\xffzil")
    process = run(place)
    said = "test.tsv:1:15: byte 0xff in the tail is not UTF-8; expected head TAB relation TAB tail, in UTF-8\n"
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr == f"nbbilinear: {place / 'nations'}/{said}"
    assert [file.name for file in place.iterdir()] == ["nations"]


def test_missing_files_end_with_2(place, capsys):
    (place / "nations" / "test.tsv").unlink()
    assert inside(place) == 2
    assert "expected test.tsv or test.txt, found neither" in capsys.readouterr().err
    assert cli.main(["train", "--triples", str(place / "none")]) == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_what_is_left_out_is_said_and_counted(place, capsys):
    for part, more in {"train": "uk\tembassy\tusa\n" * 3, "valid": "mars\tembassy\tusa\n", "test": ""}.items():
        file = place / "nations" / f"{part}.tsv"
        file.write_text(file.read_text() + more)
    (place / "nations" / "test.tsv").write_text("uk\tembassy\tusa\n")
    assert inside(place, "--epochs", "1", "--dim", "4") == 0
    shown = capsys.readouterr().out
    assert "triples count once" in shown
    assert "valid: 1 triples left out, with an entity or relation that the training triples have not" in shown
    assert "test: 1 triples are training triples too" in shown
    facts = json.loads((place / "out" / "metrics.json").read_text())["triples"]
    assert facts["unseen"] == {"valid": 1, "test": 0}
    assert facts["known"]["test"] == 1
    assert facts["repeated"]["train"] in (2, 3)


def stopped_after(place, epoch, *arguments):
    """Run until an epoch is shown, then Ctrl-C: exit code and stderr."""
    return keyboard.stopped(command(place, *arguments), lambda line: f"epoch {epoch}" in " ".join(line.split()))


@pytest.mark.thorough
def test_stopped_and_resumed_ends_with_the_bits_of_a_training_that_was_not(place):
    long = ("--dim", "16", "--epochs", "60", "--quiet")  # seconds of it are left when the signal comes
    assert inside(place, *long) == 0
    whole = parameters(place / "out" / "rescal.npz")
    reports = json.loads((place / "out" / "metrics.json").read_text())["epochs"]
    shutil.rmtree(place / "out")
    checkpoint = place / "c.npz"
    code, errors = stopped_after(place, "3/60", *long[:-1], "--checkpoint", checkpoint)
    assert code == 130
    assert errors.startswith(f"nbbilinear: stopped; {checkpoint} has epoch ")
    assert errors.endswith(" of 60: the same command goes on from there\n")
    assert not (place / "out" / "rescal.npz").exists()

    process = run(place, *long[:-1], "--checkpoint", checkpoint)
    assert (process.returncode, process.stderr) == (0, "")
    assert f"Going on after epoch {errors.split('has epoch ')[1].split()[0]} of 60" in process.stdout
    assert parameters(place / "out" / "rescal.npz") == whole
    again = json.loads((place / "out" / "metrics.json").read_text())["epochs"]
    assert [(r["loss"], r["valid"]) for r in again] == [(r["loss"], r["valid"]) for r in reports]


def test_a_finished_checkpoint_gives_the_same_files_at_once(place):
    arguments = ("--quiet", *SMALL, "--checkpoint", place / "c.npz")
    assert inside(place, *arguments) == 0
    first = (parameters(place / "out" / "rescal.npz"), json.loads((place / "out" / "metrics.json").read_text()))
    assert inside(place, *arguments, "--overwrite") == 0
    facts = json.loads((place / "out" / "metrics.json").read_text())
    assert parameters(place / "out" / "rescal.npz") == first[0]
    assert facts | {"seconds": first[1]["seconds"]} == first[1]


@pytest.mark.parametrize("moment", ["evaluate", "table", "_keep"])
def test_stopped_when_all_is_learnt_says_that_it_is_kept(moment, place, monkeypatch, capsys):
    from nbbilinear.train import story

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(story, moment, stop)
    assert inside(place, "--quiet", *SMALL, "--checkpoint", place / "c.npz") == 130
    said = f"stopped; {place / 'c.npz'} has epoch 4 of 4: the same command goes on from there\n"
    assert capsys.readouterr().err == f"nbbilinear: {said}"
    assert not (place / "out").exists()


@pytest.mark.parametrize("whole", [0, 2])
def test_stopped_while_a_checkpoint_is_written_names_the_epoch_before(whole, place, monkeypatch, capsys):
    """And nothing where there is none yet."""
    from nbbilinear.kg import resume

    save = resume.save

    def stop(path, training, seconds):
        if len(training.reports) > whole:
            raise KeyboardInterrupt
        save(path, training, seconds)

    monkeypatch.setattr(resume, "save", stop)
    assert inside(place, "--quiet", *SMALL, "--checkpoint", place / "c.npz") == 130
    assert (f"has epoch {whole} of 4" if whole else "nothing was written") in capsys.readouterr().err


@pytest.mark.thorough
def test_killed_and_resumed_as_a_process(place):
    """kill -9 between and in the middle of epochs; the same bits in the end."""
    arguments = ("--dim", "16", "--epochs", "20", "--checkpoint", place / "c.npz")
    for _ in range(2):
        with subprocess.Popen(command(place, *arguments), stdout=subprocess.PIPE, text=True) as process:
            assert any("epoch" in line and "loss" in line for line in process.stdout)
            process.kill()
    visible = {file.name for file in place.rglob("*") if not file.name.startswith(".")}
    assert visible == {"nations", "train.tsv", "valid.tsv", "test.tsv", "c.npz", "out"}
    assert inside(place, "--quiet", *arguments) == 0
    assert {file.name for file in place.iterdir()} == {"nations", "c.npz", "out"}  # what was left is cleared
    assert {file.name for file in (place / "out").iterdir()} == FILES
    resumed = parameters(place / "out" / "rescal.npz")
    assert inside(place, "--quiet", "--overwrite", *arguments[:-2]) == 0
    assert parameters(place / "out" / "rescal.npz") == resumed


def test_seconds_of_all_runs_are_added(tmp_path):
    from nbbilinear.train.keeper import Keeper

    for run, before in ((1.5, 0.0), (2.0, 1.5), (0.0, 3.5)):
        keeper = Keeper(Training(Rescal(14, 55, 2, rng=0), NATIONS), tmp_path / "c.npz", tmp_path)
        assert keeper.seconds == before
        keeper.keep(run)


def test_stopped_in_the_first_epoch_says_that_nothing_was_written(place, monkeypatch, capsys):
    from nbbilinear.train import story

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(story, "compile_kernels", stop)
    assert inside(place, *SMALL) == 130
    assert capsys.readouterr().err == "nbbilinear: stopped; nothing was written\n"
    assert [file.name for file in place.iterdir()] == ["nations"]


@pytest.mark.thorough
def test_stopped_without_a_checkpoint_keeps_what_was_learnt_and_says_where(place):
    long = ("--dim", "16", "--epochs", "60")
    for name in ("unfinished.npz", "unfinished-2.npz"):  # the second run does not take the first one's
        code, errors = stopped_after(place, "3/60", *long)
        kept = place / "out" / name
        assert code == 130
        assert errors.startswith(f"nbbilinear: stopped; {kept} has epoch ")
        assert errors.endswith(f" of 60: the same command with --checkpoint {kept} goes on from there\n")
    assert {file.name for file in (place / "out").iterdir()} == {"unfinished.npz", "unfinished-2.npz"}
    assert inside(place, *long, "--checkpoint", kept) == 0
    resumed = parameters(place / "out" / "rescal.npz")
    assert inside(place, *long, "--overwrite") == 0
    assert parameters(place / "out" / "rescal.npz") == resumed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("--epochs", "5"), "epochs 4 and not 5"),
        (("--dim", "9"), "dim 8 and not 9"),
        (("--seed", "1"), "seed 0 and not 1"),
        (("--lr", "0.5"), "learning_rate 0.01 and not 0.5"),
        (("--weight-decay", "0"), "weight_decay 0.002 and not 0.0"),
        (("--batch", "5"), "batch 64 and not 5"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(change, said, place, capsys):
    arguments = (*SMALL, "--overwrite", "--checkpoint", place / "c.npz")
    assert inside(place, "--quiet", *arguments) == 0
    before, files = (place / "c.npz").read_bytes(), sorted(file.stat() for file in (place / "out").iterdir())
    assert inside(place, "--quiet", *arguments, *change) == 2
    errors = capsys.readouterr().err
    assert said in errors
    assert errors.count("\n") == 1
    assert (place / "c.npz").read_bytes() == before
    assert sorted(file.stat() for file in (place / "out").iterdir()) == files


def test_a_checkpoint_of_other_triples_or_of_none_is_refused(place, capsys):
    arguments = ("--quiet", *SMALL, "--overwrite", "--checkpoint", place / "c.npz")
    assert inside(place, *arguments) == 0
    (place / "nations" / "test.tsv").write_text("uk\tembassy\tusa\n")
    assert inside(place, *arguments) == 2
    assert "a checkpoint of other triples" in capsys.readouterr().err
    (place / "c.npz").write_text("mine")
    assert inside(place, *arguments) == 2
    assert (place / "c.npz").read_text() == "mine"


@pytest.mark.parametrize(("path", "said"), [("nations", "a folder, not a file"), ("no/c.npz", "there is no folder")])
def test_a_checkpoint_that_cannot_be_written_is_refused_before_anything_is_read(path, said, place, capsys):
    (place / "nations" / "train.tsv").write_text("malformed")
    assert inside(place, "--checkpoint", place / path) == 2
    assert said in capsys.readouterr().err


def test_an_output_that_is_a_file_is_refused_before_anything_is_read(place, capsys):
    (place / "out").write_text("mine")
    (place / "nations" / "train.tsv").write_text("malformed")
    assert inside(place) == 2
    assert "is a file, not a folder" in capsys.readouterr().err


def test_a_training_that_diverges_says_so_and_keeps_the_epoch_before(place, capsys):
    arguments = ("--lr", "1e30", "--checkpoint", place / "c.npz", *SMALL)
    assert inside(place, *arguments) == 2
    errors = capsys.readouterr().err
    assert "the loss is no longer finite; choose a smaller --lr" in errors
    assert errors.count("\n") == 1
    assert not (place / "out").exists()
    assert not (place / "c.npz").exists()


def test_a_full_disk_at_the_end_leaves_the_folder_as_it_was(place, monkeypatch, capsys):
    from nbbilinear.train import story

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(story.files, "write_json", full)
    (place / "out").mkdir()
    (place / "out" / "metrics.json").write_text("old")
    assert inside(place, "--quiet", *SMALL, "--overwrite", "--checkpoint", place / "c.npz") == 1
    assert capsys.readouterr().err == "nbbilinear: [Errno 28] No space left on device\n"
    assert [(file.name, file.read_text()) for file in (place / "out").iterdir()] == [("metrics.json", "old")]
    assert {file.name for file in place.iterdir()} == {"nations", "out", "c.npz"}


@pytest.mark.thorough
def test_names_of_folders_are_neither_markup_nor_formulas_and_may_have_any_letters(tmp_path):
    place = tmp_path / "[bold] $x_$ ü 日本"
    place.mkdir()
    export(place / "[red] $y^$ é 本")
    arguments = ["--triples", "[red] $y^$ é 本", "--output", "[blue] é", "--epochs", "1", "--dim", "4"]
    process = subprocess.run(
        [sys.executable, "-W", "error", "-m", "nbbilinear", "train", *arguments],
        check=False, capture_output=True, text=True, timeout=120, cwd=place,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert (process.returncode, process.stderr) == (0, "")
    assert r"RESCAL on [red] $y^$ \xe9 \u672c" in process.stdout
    assert r"to [blue] \xe9" in process.stdout
    assert {file.name for file in (place / "[blue] é").iterdir()} == FILES


@pytest.mark.thorough
def test_a_terminal_shows_a_panel_that_moves(place):
    """On a pseudo-terminal: the share of an epoch, and in the end all of them."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
    with subprocess.Popen(
        command(place, "--dim", "100", "--epochs", "3"), stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        text = b""
        try:
            while part := os.read(ours, 65536):
                text += part
        except OSError:  # how a pseudo-terminal of Linux ends
            pass
        finally:
            os.close(ours)
    shown = text.decode()
    assert process.returncode == 0, shown
    assert "3/3" in shown
    assert "training " in shown
    assert "validation MRR" in shown
    assert "Traceback" not in shown


def test_no_second_without_a_sign_of_life(monkeypatch, capsys):
    """Reading, training and ranking tell where they are, once a second has passed without a line."""
    from nbbilinear.runs import pulse
    from nbbilinear.runs.begin import screen
    from nbbilinear.runs.display import progress

    now = [0.0]
    monkeypatch.setattr(pulse, "perf_counter", lambda: now[0])
    with pulse.counted(screen(quiet=False)) as watch:
        for second in range(12):
            now[0] = second + 0.01
            watch("reading train.tsv", second, 20)
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["reading train.tsv: 5%", "reading train.tsv: 30%", "reading train.tsv: 55%"]
    now[0] = 0.0
    with progress(screen(quiet=False), "title", 30) as shown:
        for second in range(4):
            now[0] = float(second)
            shown.watch("training", second, 4)
    assert capsys.readouterr().out.splitlines() == ["title", "  epoch  1/30   training 25%"]


def test_a_quiet_training_prints_one_line(place, capsys):
    assert inside(place, "--quiet", *SMALL) == 0
    shown = capsys.readouterr()
    assert (shown.err, len(shown.out.splitlines())) == ("", 1)
    assert shown.out.startswith("nations: test MRR 0.")


def test_same_seed_same_bits_and_another_seed_others(place):
    found = []
    for seed in ("3", "3", "4"):
        assert inside(place, "--quiet", *SMALL, "--overwrite", "--seed", seed) == 0
        found.append(parameters(place / "out" / "rescal.npz"))
    assert found[0] == found[1] != found[2]


def test_the_seed_is_that_of_the_initial_values_too(place, monkeypatch):
    from nbbilinear.train import story

    seeds = []
    monkeypatch.setattr(story, "Rescal", lambda *sizes, rng: (seeds.append(rng), Rescal(*sizes, rng=rng))[1])
    assert inside(place, "--quiet", *SMALL, "--seed", "3") == 0
    assert seeds == [3]


@pytest.mark.parametrize("package", ["rich", "matplotlib", "threadpoolctl"])
def test_train_without_its_packages_says_how_to_get_them(package, place, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, package, None)
    assert inside(place) == 2
    assert f"needs {package}: pip install {package}" in capsys.readouterr().err


def test_an_exported_model_can_be_read_with_numpy_alone(done):
    with np.load(done[1] / "out" / "rescal.npz") as stored:
        names = bytes(stored["entity_names"]).decode().split("\n")
        assert stored["entities"].shape == (len(names), 8)
    assert set(names) == set(NATIONS.entities)
