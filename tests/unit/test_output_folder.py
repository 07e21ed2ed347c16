"""The folder that a run fills: what is needed is proved before the first epoch, and no other run's files are lost."""

import os
import subprocess
import sys

import pytest

from nbbilinear import cli
from nbbilinear.errors import ConfigError
from nbbilinear.kg import atomic
from nbbilinear.runs import files

SMALL = ("train", "--triples", ".", "--epochs", "1", "--dim", "2", "--output")
# The superuser may write everywhere, until the capability is given away: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH.
AS_A_USER = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
head, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
assert libc.capget(head, data) == 0
for word in (0, 1):
    data[word] &= ~0b110
assert libc.capset(head, data) == 0, ctypes.get_errno()
from nbbilinear import cli
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of triples that is the current one."""
    for part in ("train", "valid", "test"):
        (tmp_path / f"{part}.tsv").write_text("a\tknows\tb\nb\tknows\ta\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities")
@pytest.mark.parametrize(
    ("out", "mode", "code"),
    [
        ("out", 0o555, 1),
        pytest.param("out", 0o755, 0, marks=pytest.mark.thorough),
        pytest.param("out/new", 0o555, 1, marks=pytest.mark.thorough),
    ],
)
def test_a_folder_is_filled_where_it_can_be_written_and_refused_before_the_first_epoch(out, mode, code, place):
    """In a folder that cannot be."""
    (place / "closed" / "out").mkdir(parents=True)
    (place / "closed" / "out").chmod(mode)
    (place / "closed").chmod(0o555)
    command = [sys.executable, "-c", AS_A_USER, *SMALL, f"closed/{out}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stderr
    assert ("epoch" in done.stdout) == (code == 0)
    assert ("Permission denied" in done.stderr) == (code == 1)
    assert {file.name for file in (place / "closed" / "out").iterdir()} == (set() if code else {*cli.train.FILES})


@pytest.mark.parametrize(("command", "name"), [("train", "rescal.npz"), ("demo", "metrics.json")])
def test_files_of_an_earlier_run_are_replaced_only_when_that_is_asked_for(command, name, place, capsys):
    (place / "out").mkdir()
    (place / "out" / name).write_text("mine")
    (place / "out" / "other").write_text("mine")
    arguments = [*SMALL, "out"] if command == "train" else ["demo", "--epochs", "1", "--dim", "2", "--output", "out"]
    assert cli.main(arguments) == 2
    assert f"{name} of an earlier run is there; name another folder, or add --overwrite" in capsys.readouterr().err
    assert (place / "out" / name).read_text() == "mine"
    if command == "train":
        assert cli.main([*arguments, "--overwrite", "--quiet"]) == 0
        assert (place / "out" / name).read_bytes() != b"mine"
        assert (place / "out" / "other").read_text() == "mine"


def test_one_run_at_a_time_fills_a_folder_or_keeps_a_checkpoint(place, capsys):
    with files.filled(place / "out", (), overwrite=False):
        assert cli.main([*SMALL, "out"]) == 2
    assert "another run is filling this folder" in capsys.readouterr().err
    with atomic.held(place / ".c.npz.lock", "taken"):
        assert cli.main([*SMALL, "out", "--checkpoint", "c.npz"]) == 2
    assert "another run keeps its training there" in capsys.readouterr().err
    assert cli.main([*SMALL, "out", "--checkpoint", "c.npz", "--quiet"]) == 0
    assert not list(place.rglob(".*"))


def test_a_run_that_ended_between_two_looks_is_seen(place, monkeypatch):
    held = files.held

    def late(*arguments):
        (place / "out" / "a").write_text("of another run")
        return held(*arguments)

    monkeypatch.setattr(files, "held", late)
    with pytest.raises(ConfigError, match="an earlier run"), files.filled(place / "out", ("a",), overwrite=False):
        pass


def test_folders_that_were_made_go_with_an_error_and_others_stay(place):
    (place / "old").mkdir()

    def fail(folder):
        with files.filled(folder, (), overwrite=False):
            raise OSError("full")

    for folder in (place / "old" / "new" / "newer", place / "old"):
        with pytest.raises(OSError, match="full"):
            fail(folder)
    assert list((place / "old").iterdir()) == []


def test_what_killed_runs_left_is_cleared_and_nothing_else(place):
    left, link = place / "out" / ".nbbilinear-ab", place / "out" / ".nbbilinear-link"
    left.mkdir(parents=True)
    (left / "rescal.npz").write_text("half")
    link.symlink_to(place)
    (place / "out" / ".nbbilinear.lock").write_text("")
    with files.filled(place / "out", (), overwrite=False):
        pass
    assert list((place / "out").iterdir()) == [link]
    assert (place / "train.tsv").exists()


@pytest.mark.parametrize("through", ["replaced", "moved"])
def test_permissions_of_a_replaced_file_stay_and_links_are_followed(through, place):
    target, link = place / "real", place / "link"
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to(target)
    if through == "replaced":
        with atomic.replaced(link) as file:
            assert os.fstat(file.fileno()).st_mode & 0o777 == 0o600  # before anything is in it
            file.write(b"new")
    else:
        (place / "fresh").write_text("new")
        atomic.moved(place / "fresh", link)
    assert link.is_symlink()
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("new", 0o600)
    (place / "fresh").write_text("newer")
    atomic.moved(place / "fresh", target)
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("newer", 0o600)


def test_a_checkpoint_that_is_a_result_is_refused(place, capsys):
    (place / "out").mkdir()
    (place / "also").symlink_to("out")
    assert cli.main([*SMALL, "out", "--checkpoint", "also/rescal.npz"]) == 2
    assert "the results are written to this file" in capsys.readouterr().err


@pytest.mark.parametrize("pipe", ["c.npz", pytest.param(".c.npz.00112233", marks=pytest.mark.thorough)])
def test_pipes_are_not_opened(pipe, place):
    os.mkfifo(place / pipe)
    command = [sys.executable, "-m", "nbbilinear", *SMALL, "out", "--checkpoint", "c.npz", "--quiet"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == (2 if pipe == "c.npz" else 0)
    assert ("neither a file nor a new name" in done.stderr) == (pipe == "c.npz")
