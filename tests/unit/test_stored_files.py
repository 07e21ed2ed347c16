"""The arrays of a stored file: the same whatever version of NumPy wrote them."""

import io
import zipfile

import numpy as np
import pytest

from nbbilinear.kg import NamedRescal, Rescal, Settings, Training, load, resume

NATIONS = load("nations")


def model():
    return Rescal(14, 55, 2, rng=0)


def training():
    return Training(model(), NATIONS, Settings())


FILES = {
    "model": (lambda path: model().save(path), Rescal.load),
    "model with names": (
        lambda path: NamedRescal(model(), NATIONS.entities, NATIONS.relations).save(path), NamedRescal.load
    ),
    "checkpoint": (lambda path: resume.save(path, training(), 1.0), lambda path: resume.resume(path, training())),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_no_argument_of_savez_becomes_an_array(kind, tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(np, "savez", lambda file, **arrays: written.extend(arrays.values()))  # NumPy 2.1 has no others
    FILES[kind][0](tmp_path / "m.npz")
    assert written
    assert all(type(array) is np.ndarray for array in written)


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_numpy_2_1_wrote_with_one_is_read(kind, tmp_path):
    write, read = FILES[kind]
    path, stray = tmp_path / "m.npz", io.BytesIO()
    write(path)
    np.save(stray, np.array(False))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("allow_pickle.npy", stray.getvalue())
    read(path)
