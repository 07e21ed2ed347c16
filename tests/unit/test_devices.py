"""Arrays on a device: what is said where there is none, and that the stand-in for CuPy promises no more than CuPy."""

import types

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear import info
from nbbilinear.backends.cupy.binding import OnCuPy, empty

import device


class OnDevice:
    """Stands for a torch tensor in the memory of a GPU."""

    __module__ = "torch"
    shape, dtype, ndim = (7, 3), np.dtype("f8"), 2

    def __dlpack__(self, **_):
        raise BufferError

    def __dlpack_device__(self):
        return (2, 0)


def without(**changes):
    """A CuPy of a machine that lacks something."""
    found = device.module()
    vars(found.cuda).update(changes)
    return found


def refuse():
    raise RuntimeError("cudaErrorNoDevice")


NO_DRIVER = without(is_available=lambda: False, runtime=types.SimpleNamespace(driverGetVersion=lambda: 0))
NO_DEVICE = without(is_available=lambda: False)
BROKEN = without(is_available=lambda: False, runtime=types.SimpleNamespace(driverGetVersion=refuse))
NO_CUBLAS = without()
del NO_CUBLAS.cuda.cublas
LACKING = {
    'CuPy is not installed: pip install "nbbilinear[cuda13]"': None,
    "no NVIDIA driver is: `nvidia-smi` must list a device": NO_DRIVER,
    "no CUDA device is": NO_DEVICE,
    "no CUDA driver that answers (cudaErrorNoDevice)": BROKEN,
}
lacking = pytest.mark.parametrize(("sentence", "found"), LACKING.items(), ids=LACKING)


@lacking
def test_every_way_in_says_what_is_missing(sentence, found):
    x1, x2, w = np.ones((7, 3)), np.ones((7, 4)), np.ones((5, 3, 4))
    with device.in_place_of_cupy(found):
        for way in (
            lambda: nbl.bilinear(x1, x2, w, backend="cupy"),
            lambda: nbl.bilinear(x1, x2, w, backend="cuda"),
            lambda: nbl.plan((7, 3), (7, 4), (5, 3, 4), backend="cupy"),
            lambda: nbl.Bilinear(3, 4, 5, device="cuda"),
            lambda: nbl.Bilinear(3, 4, 5).to("cuda:1"),
            lambda: nbl.bilinear(OnDevice(), OnDevice(), OnDevice()),
        ):
            with pytest.raises(nbl.BackendError) as caught:
                way()
            assert sentence in str(caught.value)
        for place in ("cuda", "cupy"):
            assert sentence in info.facts()["backends"][place]
        np.testing.assert_array_equal(nbl.bilinear(x1, x2, w), 12.0)


def test_no_cublas():
    with (
        device.in_place_of_cupy(NO_CUBLAS),
        pytest.raises(nbl.BackendError, match=r"CuPy finds no cuBLAS .*: pip inst"),
    ):
        nbl.plan((7, 3), (7, 4), (5, 3, 4), backend="cupy")


def a_device(capability):
    """A stand-in with a device of this compute capability."""
    here = types.SimpleNamespace(id=0, compute_capability=capability, attributes={"MultiProcessorCount": 80})
    return without(Device=lambda *_: here)


def test_a_device_that_is_too_old():
    sentence = r"device 0 has compute capability 7\.0, these kernels need 7\.5; backend 'cupy' runs on it"
    with device.in_place_of_cupy(a_device("70")), pytest.raises(nbl.BackendError, match=sentence):
        nbl.plan((7, 3), (7, 4), (5, 3, 4), backend="cuda")


def test_precisions_are_those_of_the_device(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: True)
    sizes = (7, 3), (7, 4), (5, 3, 4)
    sentence = r"in precision 'tf32', which may need tensor cores; 'cuda' computes float32 in 'float32': choose with"
    with nbl.config(precision="tf32"):
        with device.in_place_of_cupy(a_device("75")), pytest.raises(nbl.BackendError, match=sentence):
            nbl.plan(*sizes, backend="cuda")
        with device.in_place_of_cupy(a_device("90")):
            assert nbl.plan(*sizes, backend="cuda").chosen.label == "cuda/fused.tf32"
            with pytest.raises(nbl.BackendError, match="in precision 'tf32'"):
                nbl.plan((7, 1, 3), (1, 7, 4), (5, 3, 4), backend="cuda")
            operands = (device.ndarray(np.empty(shape, "f4")) for shape in sizes)
            assert nbl.plan(*operands).chosen.label == "cuda/fused.tf32"
    with device.in_place_of_cupy(a_device("90")):
        assert "tf32" not in str(nbl.plan(*sizes, backend="cuda"))
        assert "cuda/fused.tf32x3" in info.facts()["backends"]["cuda"]


def test_products_in_tf32_that_cupy_was_told_to_make_are_told_from_others(monkeypatch):
    monkeypatch.setenv("CUPY_TF32", "1")
    sizes = (7, 3), (7, 4), (5, 3, 4)
    with device.in_place_of_cupy(device.module()):
        with pytest.raises(nbl.BackendError, match=r"in precision 'float32'.*computes float32 in 'tf32'"):
            nbl.plan(*sizes, backend="cupy/gemm")
        assert nbl.plan(*sizes, dtype="f8", backend="cupy/gemm").chosen.label.startswith("cupy/gemm")
        with nbl.config(precision="tf32"):
            assert nbl.plan(*sizes, backend="cupy").chosen.label.startswith("cupy/gemm")


def test_no_compiler(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    sentence = r"numba_cuda and cuda\.core is not installed, which compiles the kernels: pip install"
    with device.in_place_of_cupy(a_device("90")), pytest.raises(nbl.BackendError, match=sentence):
        nbl.plan((7, 3), (7, 4), (5, 3, 4), backend="cuda")


def test_a_full_device_says_how_much_was_wanted_and_what_to_turn():
    def full(*_):
        raise MemoryError("Out of memory allocating 1,024 bytes")

    found = without()
    found.empty = full
    sentence = r"allocating 1,024 bytes.*free_all_blocks.*CUPY_GPU_MEMORY_LIMIT"
    for call in (OnCuPy(full), lambda: empty(3, "f4")):
        with (
            device.in_place_of_cupy(found),
            pytest.raises(nbl.BackendError, match=sentence),
        ):
            call()


def test_arrays_on_two_devices_or_not_on_the_current_one():
    one, other = (lambda *shape, n=n: device.ndarray(np.ones(shape), number=n) for n in (0, 1))
    with device.installed("stand-in"):
        with pytest.raises(nbl.BackendError, match="x1 on cuda:0, x2 on cuda:1, weight on cuda:0"):
            nbl.bilinear(one(7, 3), other(7, 4), one(5, 3, 4))
        with pytest.raises(nbl.BackendError, match=r"on cuda:1, and cuda:0 is current: call inside .*Device\(1\)"):
            nbl.bilinear(other(7, 3), other(7, 4), other(5, 3, 4))


def test_the_stand_in_has_nothing_that_cupy_lacks():
    real = pytest.importorskip("cupy", reason="CuPy is not installed")
    names = {function.__name__ for function in device.FUNCTIONS} | set(device.WORDS)
    assert [name for name in names if not hasattr(real, name)] == []
    public = {name for name in vars(device.ndarray) if not name.startswith("_")} - {"host"}
    assert [name for name in public if not hasattr(real.ndarray, name)] == []
