"""Binaries on disk: whole or not read, of one user, and one for everything they depend on."""

import os
import sys
import tomllib
import types
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear.backends.cuda import cache, launch
from nbbilinear.backends.cuda.tiles import Kernel, Tile
from nbbilinear.errors import BackendError

import device

KERNEL = Kernel("forward", Tile(32, 32, 16, 4, 4), "f4", vector=True, segmented=False)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NBBILINEAR_CACHE_DIR", str(tmp_path / "cubins"))
    cache.folder.cache_clear()
    yield tmp_path / "cubins"
    cache.folder.cache_clear()


def test_what_was_written_is_read_and_what_was_changed_is_not(folder):
    file = cache.file_of(KERNEL, (9, 0))
    assert not cache.read(file)
    cache.write(file, b"machine code", "entry_1")
    assert cache.read(file)
    assert cache.entry(file) == "entry_1"
    assert {path.suffix for path in folder.iterdir()} == {".cubin", ".sha256"}
    file.write_bytes(b"machine c0de")
    assert not cache.read(file)
    file.with_suffix(".sha256").write_text("")
    assert not cache.read(file)


def test_a_file_for_everything_that_a_binary_depends_on(folder, monkeypatch):
    kernels = [KERNEL, KERNEL._replace(kind="f8"), KERNEL._replace(vector=False), KERNEL._replace(segmented=True)]
    kernels += [KERNEL._replace(tile=Tile(32, 32, 8, 4, 4)), KERNEL._replace(name="inputs")]
    files = {cache.file_of(kernel, (9, 0)) for kernel in kernels} | {cache.file_of(KERNEL, (8, 0))}
    monkeypatch.setattr(cache, "_surroundings", lambda: ("another compiler",))
    assert len(files | {cache.file_of(KERNEL, (9, 0))}) == 8


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="modes of folders are POSIX's")
def test_a_folder_that_others_may_write_to_is_not_used(folder):
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    assert cache.folder() != folder
    assert cache.folder().stat().st_mode & 0o077 == 0


def launched(folder, monkeypatch, compile_):
    """A launch on a stand-in; what it was launched with."""
    seen = []
    found = device.module()
    found.cuda.Device = lambda *_: types.SimpleNamespace(compute_capability="90")
    found.RawModule = lambda path: types.SimpleNamespace(
        get_function=lambda name: lambda *all_: seen.append((path, name, *all_))
    )
    monkeypatch.setattr("nbbilinear.backends.cuda.launch._compile", compile_)
    launch._function.cache_clear()
    with device.in_place_of_cupy(found):
        launch.Cuda(80, 90).launch(KERNEL, 7, "x1", 5, 2**31 - 1)
    launch._function.cache_clear()
    return seen


def test_a_launch_has_its_blocks_threads_and_32_bit_integers(folder, monkeypatch):
    compiled = []

    def compile_(kernel, capability, file):
        compiled.append((kernel, capability))
        cache.write(file, b"code", "entry")

    for _ in range(2):  # the second finds the binary on disk
        [(path, name, blocks, threads, arguments)] = launched(folder, monkeypatch, compile_)
        assert (path, name) == (str(cache.file_of(KERNEL, (9, 0))), "entry")
        assert (blocks, threads) == ((7,), (64,))
        assert arguments == ("x1", np.int32(5), np.int32(2**31 - 1))
        assert [type(a) for a in arguments] == [str, np.int32, np.int32]
    assert compiled == [(KERNEL, (9, 0))]


def test_what_cannot_be_compiled_is_an_error_with_its_reason(folder, monkeypatch):
    def compiled(*_):
        raise AttributeError("module 'numpy' has no attribute 'row_stack'")

    for module in (None, types.SimpleNamespace(compiled=compiled)):
        monkeypatch.setitem(sys.modules, "nbbilinear.backends.cuda.compiling", module)
        with pytest.raises(BackendError, match=r"compute capability 9\.0: \w+Error: .*'cupy' needs no compiler"):
            launch._compile(KERNEL, (9, 0), cache.file_of(KERNEL, (9, 0)))


@pytest.mark.parametrize(("compiler", "broken"), [("0.30.4", True), ("0.31.0", False), (None, False)])
def test_a_plan_leaves_out_a_compiler_that_cannot_work_with_this_numpy(compiler, broken, monkeypatch):
    """NumPy 2.5 has no row_stack, of which numba-cuda 0.30 makes use."""
    monkeypatch.delattr(np, "row_stack", raising=False)

    def version(name):
        if compiler is None:
            raise PackageNotFoundError(name)
        return compiler

    monkeypatch.setattr("importlib.metadata.version", version)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: True)
    found = device.module()
    here = types.SimpleNamespace(id=0, compute_capability="90", attributes={"MultiProcessorCount": 132})
    found.cuda.Device = lambda *_: here
    with device.in_place_of_cupy(found):
        x1, x2, weight = (found.asarray(np.zeros(shape, "f4")) for shape in ((65536, 32), (65536, 32), (32, 32, 32)))
        assert nbl.plan(x1, x2, weight).chosen.label.partition("/")[0] == ("cupy" if broken else "cuda")
        if broken:
            with pytest.raises(BackendError, match=r"numba-cuda 0\.30\.4.* NumPy .*: pip install \"numpy<2\.5\""):
                nbl.plan(x1, x2, weight, backend="cuda")


def test_the_extras_of_devices_have_a_numpy_with_which_their_compiler_works():
    extras = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    for name in ("cuda12", "cuda13"):
        assert "numpy<2.5" in extras["optional-dependencies"][name]


def test_a_kernel_is_compiled_to_a_binary_without_a_device(folder):
    pytest.importorskip("numba_cuda", reason="the compilers are not installed")
    from nbbilinear.backends.cuda.compiling import compiled

    found = compiled(KERNEL, (9, 0))
    assert found.code.startswith(b"\x7fELF")
    assert "0 bytes spill stores" in found.log
    assert ".local" not in found.ptx
