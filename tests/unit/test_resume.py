"""A training kept in a file and taken up again: the same bits, or a sentence that says why not."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from nbbilinear.errors import CheckpointError
from nbbilinear.kg import Rescal, Settings, Training, atomic, load, resume

NATIONS = load("nations")
SHORT = Settings(epochs=5, evaluate_every=2)


def new(settings=SHORT, graph=NATIONS, dim=8, dtype=np.float32):
    model = Rescal(len(graph.entities), len(graph.relations), dim, rng=settings.seed, dtype=dtype)
    return Training(model, graph, settings)


def trained(epochs, **options):
    training = new(**options)
    list(islice(training.epochs(), epochs))
    return training


def bits(training):
    """All that a training is, but for times."""
    state = training.state()
    arrays = {name: (a.dtype.str, a.shape, a.tobytes()) for name, a in state.arrays.items()}
    return arrays, state.generator, [report._replace(triples_per_second=0) for report in state.reports]


@pytest.fixture(scope="module")
def uninterrupted():
    return bits(trained(5))


@pytest.fixture
def kept(tmp_path):
    """A checkpoint after two epochs, alone in its folder."""
    resume.save(tmp_path / "c.npz", trained(2), 12.5)
    return tmp_path / "c.npz"


@pytest.mark.parametrize("stops", [[0], [1], [4], [5], [1, 2, 3, 4], [2, 2]])
def test_a_resumed_training_ends_with_the_bits_of_an_uninterrupted_one(stops, uninterrupted, tmp_path):
    path = tmp_path / "c.npz"
    resume.save(path, trained(0), 0.0)
    for stop in stops:
        training = new()
        resume.resume(path, training)
        list(islice(training.epochs(), stop - len(training.reports)))
        resume.save(path, training, 0.0)
        assert len(training.reports) == stop
    training = new()
    resume.resume(path, training)
    assert len(list(training.epochs())) == 5 - stops[-1]
    assert bits(training) == uninterrupted


def test_float64_and_another_seed_are_taken_up_as_well(tmp_path):
    options = {"dtype": np.float64, "settings": SHORT._replace(seed=3)}
    resume.save(tmp_path / "c.npz", trained(2, **options), 0.0)
    training = new(**options)
    resume.resume(tmp_path / "c.npz", training)
    list(training.epochs())
    assert bits(training) == bits(trained(5, **options))


def test_seconds_and_reports_are_kept(kept):
    training = new()
    assert resume.resume(kept, training) == 12.5
    assert training.reports[0].valid == trained(1).reports[0].valid
    assert [(report.epoch, report.valid is None) for report in training.reports] == [(1, False), (2, False)]


def test_an_interrupted_epoch_leaves_a_training_that_goes_on_with_the_same_bits(uninterrupted):
    training = trained(2)

    def stop(stage, done, total):
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(training.epochs(stop))
    assert bits(training) == bits(trained(2))
    list(training.epochs())
    assert bits(training) == uninterrupted


def test_an_epoch_tells_how_far_it_is():
    told = []
    next(new().epochs(lambda *now: told.append(now)))
    questions = len(new().asked.heads)
    assert told[-1] == ("validation", 398, 398)
    assert [now for now in told if now[0] == "training"][-1] == ("training", questions, questions)
    assert [done for stage, done, _ in told if stage == "training"] == sorted(
        {d for s, d, _ in told if s == "training"}
    )


OTHERS = {
    "epochs": ({"settings": SHORT._replace(epochs=6)}, "with epochs 5 and not 6;"),
    "seed": ({"settings": SHORT._replace(seed=1)}, "with seed 0 and not 1;"),
    "two": ({"settings": SHORT._replace(batch=8, learning_rate=0.5)}, "rate 0.01 and not 0.5, batch 64 and not 8;"),
    "dim": ({"dim": 9}, "with dim 8 and not 9;"),
    "dtype": ({"dtype": np.float64}, "with dtype 'float32' and not 'float64';"),
    "train": ({"graph": NATIONS._replace(train=NATIONS.train[::-1])}, "of other triples"),
    "valid": ({"graph": NATIONS._replace(valid=NATIONS.valid[1:])}, "of other triples"),
    "test": ({"graph": NATIONS._replace(test=NATIONS.valid)}, "of other triples"),
    "entities": ({"graph": NATIONS._replace(entities=NATIONS.entities[::-1])}, "of other triples"),
    "relations": ({"graph": NATIONS._replace(relations=NATIONS.relations[::-1])}, "of other triples"),
}  # fmt: skip


@pytest.mark.parametrize("other", OTHERS)
def test_other_data_and_other_settings_are_refused_and_nothing_is_changed(other, kept):
    options, said = OTHERS[other]
    training, before = new(**options), kept.read_bytes()
    fresh = bits(training)
    with pytest.raises(CheckpointError) as refused:
        resume.resume(kept, training)
    assert said in str(refused.value)
    assert str(kept) in str(refused.value)
    assert bits(training) == fresh
    assert kept.read_bytes() == before


def test_another_format_is_refused(kept, monkeypatch):
    monkeypatch.setattr(resume, "_VERSION", 2)
    with pytest.raises(CheckpointError, match="format 1, expected 2"):
        resume.resume(kept, new())


def facts_with(**change):
    return lambda facts: facts | change


ODD = {
    "no list of facts": lambda _: [],
    "nested": lambda facts: facts | {"reports": json.loads("[" * 900 + "]" * 900)},
    "no settings": facts_with(settings=None),
    "no generator": facts_with(generator={}),
    "another generator": facts_with(generator={"bit_generator": "MT19937"}),
    "a generator of numbers": facts_with(generator=3),
    "seconds of words": facts_with(seconds="long"),
    "seconds of none": facts_with(seconds=None),
    "reports of none": facts_with(reports=None),
    "an epoch that is missing": lambda facts: facts | {"reports": facts["reports"][1:]},
    "a loss of words": lambda facts: facts | {"reports": [one | {"loss": "abcd"} for one in facts["reports"]]},
    "a loss that is not finite": lambda facts: facts | {"reports": [one | {"loss": 1e999} for one in facts["reports"]]},
    "metrics too few": lambda facts: facts | {"reports": [one | {"valid": [1.0]} for one in facts["reports"]]},
}
WRONG = {
    "a parameter of another size": ("model.entities", lambda a: a[1:]),
    "a parameter that is not finite": ("model.entities", lambda a: np.full_like(a, np.nan)),
    "a moment of another size": ("optimizer.0.first_moment", lambda a: a[1:]),
    "a step below 0": ("optimizer.0.step", lambda a: a - 1000),
    "a step beyond counting": ("optimizer.0.step", lambda a: a + 2**62),
}


@pytest.mark.parametrize("odd", [*ODD, *WRONG])
def test_odd_contents_with_a_checksum_are_refused_and_nothing_is_changed(odd, kept):
    with np.load(kept) as stored:
        arrays = {name: stored[name] for name in stored.files if name != "sha256"}
    if odd in ODD:
        facts = ODD[odd](json.loads(arrays["facts"].tobytes()))
        arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    else:
        name, change = WRONG[odd]
        arrays[name] = change(arrays[name])
    np.savez(kept, **arrays, sha256=resume._digest(arrays))
    training = new()
    fresh = bits(training)
    with pytest.raises(CheckpointError, match=str(kept)):
        resume.resume(kept, training)
    assert bits(training) == fresh


@pytest.mark.parametrize("content", [b"", b"mine", bytes(1000)])
def test_files_that_are_no_checkpoints_are_refused(content, tmp_path):
    (tmp_path / "c.npz").write_bytes(content)
    with pytest.raises(CheckpointError):
        resume.resume(tmp_path / "c.npz", new())


def test_a_model_is_no_checkpoint(tmp_path):
    new().model.save(tmp_path / "m.npz")
    with pytest.raises(CheckpointError, match=r"expected arrays facts, model\.entities"):
        resume.resume(tmp_path / "m.npz", new())


def test_every_truncation_is_a_checkpoint_error(kept):
    whole, training = kept.read_bytes(), new()
    for length in range(0, len(whole), 5003):
        kept.write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            resume.resume(kept, training)


def test_flipped_bytes_are_errors_or_change_nothing(kept):
    whole, reference = kept.read_bytes(), bits(trained(2))
    for place in np.random.default_rng(0).integers(0, len(whole), 150):
        kept.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        training = new()
        try:
            resume.resume(kept, training)
        except CheckpointError:
            continue
        assert bits(training) == reference, f"byte {place}"


def test_contents_that_the_zip_file_takes_for_whole_meet_a_checksum_of_our_own(kept):
    with np.load(kept) as stored:
        arrays = dict(stored)
    arrays["model.entities"][0, 0] += 1
    np.savez(kept, **arrays)
    with pytest.raises(CheckpointError, match="checksum"):
        resume.resume(kept, new())


def test_the_file_is_on_the_disk_before_it_takes_the_name_and_the_folder_after(tmp_path, monkeypatch):
    done, sync, replace = [], os.fsync, atomic.Path.replace

    def told(number):
        done.append("folder" if stat.S_ISDIR(os.fstat(number).st_mode) else "file")
        sync(number)

    monkeypatch.setattr(os, "fsync", told)
    monkeypatch.setattr(atomic.Path, "replace", lambda self, to: (done.append("replace"), replace(self, to))[1])
    resume.save(tmp_path / "c.npz", new(), 0.0)
    assert done == ["file", "replace", "folder"]


@pytest.mark.thorough
@pytest.mark.parametrize("moment", ["opened", "half", "written", "replaced", "renamed"])
def test_killed_at_any_moment_of_writing_the_file_is_the_old_one_or_the_new(moment, kept, uninterrupted):
    code = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from nbbilinear.kg import atomic, checkpoint, resume
from test_resume import new
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
training = new()
resume.resume({str(kept)!r}, training)
next(training.epochs())
moment, sync, replace = {moment!r}, os.fsync, atomic.Path.replace
if moment == "opened":
    checkpoint.np.savez = die
if moment == "half":
    savez = checkpoint.np.savez
    checkpoint.np.savez = lambda file, **a: (savez(file, **dict(list(a.items())[:3])), file.flush(), die())
if moment == "written":
    os.fsync = die
if moment == "replaced":
    atomic.Path.replace = die
if moment == "renamed":
    atomic.Path.replace = lambda *a: (replace(*a), die())
resume.save({str(kept)!r}, training, 0.0)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = [file for file in kept.parent.iterdir() if file != kept]
    assert len(left) == (moment != "renamed")
    training = new()
    resume.resume(kept, training)
    assert len(training.reports) == (3 if moment == "renamed" else 2)
    list(training.epochs())
    assert bits(training) == uninterrupted
    resume.save(kept, training, 0.0)
    assert list(kept.parent.iterdir()) == [kept]


@pytest.mark.thorough
def test_killed_again_and_again_the_file_is_always_whole(kept):
    """From outside, at moments nobody chose."""
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from nbbilinear.kg import resume
from test_resume import trained
trainings = [trained(2), trained(3)]
print("ready", flush=True)
while True:
    for training in trainings:
        resume.save({str(kept)!r}, training, 0.0)
"""
    random = np.random.default_rng(os.getpid())
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(random.uniform(0.0, 0.2))
            process.kill()
        training = new()
        resume.resume(kept, training)
        assert len(training.reports) in (2, 3)
        assert bits(training) == bits(trained(len(training.reports)))
    resume.save(kept, training, 0.0)
    assert list(kept.parent.iterdir()) == [kept]


def test_what_another_process_writes_now_and_files_of_others_are_left_alone(kept):
    mine = [kept.with_name(f".{name}") for name in ("c.npz.1234abcd.old", "c.npz.lock.bak", "d.npz.1234abcd")]
    for file in mine:
        file.write_bytes(b"")
    with atomic.replaced(kept) as file:
        file.write(b"first")
        resume.save(kept, new(), 0.0)
    assert kept.read_bytes() == b"first"
    assert set(kept.parent.iterdir()) == {kept, *mine}


def test_a_full_disk_leaves_the_old_checkpoint(kept, monkeypatch):
    before = kept.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        resume.save(kept, new(), 0.0)
    assert kept.read_bytes() == before
    assert list(kept.parent.iterdir()) == [kept]
