"""The arrays of a stored file: the same whatever version of NumPy wrote them."""

import io
import zipfile

import numpy as np
import pytest

from nbbilinear.errors import CheckpointError
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


def test_a_directory_that_lies_about_a_size_is_not_believed(tmp_path):
    """The header of an array and both entries of the zip file say 2 GiB: nothing is allocated for them."""
    path, data = tmp_path / "m.npz", io.BytesIO()
    write, read = FILES["model"]
    write(path)
    with np.load(path) as stored:
        arrays = dict(stored)
    name = next(iter(arrays))
    np.lib.format.write_array_header_1_0(data, {"shape": (1 << 28,), "fortran_order": False, "descr": "<f8"})
    with zipfile.ZipFile(path, "w") as archive:
        for other, array in arrays.items():
            if other != name:
                whole = io.BytesIO()
                np.save(whole, array)
                archive.writestr(f"{other}.npy", whole.getvalue())
        archive.writestr(f"{name}.npy", data.getvalue())
    said = (len(data.getvalue())).to_bytes(4, "little") * 2  # compressed and not, in both entries
    lie = (len(data.getvalue()) + (8 << 28)).to_bytes(4, "little") * 2
    content = path.read_bytes()
    at = content.rindex(data.getvalue()) - len(f"{name}.npy") - 30
    entries = content[at:]
    assert entries.count(said) == 2
    path.write_bytes(content[:at] + entries.replace(said, lie))
    with pytest.raises(CheckpointError, match="larger than the file"):
        read(path)
