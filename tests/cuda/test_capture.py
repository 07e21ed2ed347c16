"""A step for a CUDA graph: it launches kernels and nothing else, which is seen on a stand-in for CuPy."""

import types

import numpy as np
import pytest

import nbbilinear as nbl

import device


@pytest.fixture
def card(monkeypatch):
    """A stand-in for CuPy with a modern device; it lists what is launched, and every array in memory of its own."""
    found, seen = device.module(), types.SimpleNamespace(launched=[], allocated=[])
    here = types.SimpleNamespace(id=0, compute_capability="90", attributes={"MultiProcessorCount": 132})
    found.cuda.Device = lambda *_: here
    monkeypatch.setattr("importlib.util.find_spec", lambda _: True)
    monkeypatch.setattr(
        "nbbilinear.backends.cuda.launch._function", lambda kernel, _: lambda *_: seen.launched.append(kernel.name)
    )
    begin = device.ndarray.__init__

    def noted(self, host, number=0):
        begin(self, host, number)
        if self.host.flags.owndata:
            seen.allocated.append(self.host.shape)

    monkeypatch.setattr(device.ndarray, "__init__", noted)
    with device.in_place_of_cupy(found):
        seen.cupy = found
        yield seen


@pytest.mark.parametrize(
    ("sizes", "dtype", "precision", "launches"),
    [
        ((65536, 33, 40, 24), "float32", "float32", ["forward", "inputs", "weights", "slices", "bias", "slices"]),
        ((65536, 64, 64, 1), "float32", "float32", [
            "forward", "first", "second", "weights", "slices", "bias", "slices"
        ]),
        ((65536, 33, 40, 24), "float32", "tf32x3", ["forward", "inputs", "weights", "slices", "bias", "slices"]),
        ((512, 33, 128, 24), "float16", "float32", [
            "forward", "inputs.parts", "slices", "weights.parts", "slices", "bias.parts", "slices"
        ]),
        ((32, 10, 20, 5), "float64", "float32", ["forward", "elements.backward"]),
        ((4, 300, 400, 50), "float32", "float32", ["few", "slices", "few.inputs", "slices", "weights", "bias"]),
    ],
)  # fmt: skip
def test_a_step_launches_kernels_and_allocates_nothing(card, sizes, dtype, precision, launches):
    rows, in1, in2, outs = sizes
    shapes = (rows, in1), (rows, in2), (outs, in1, in2), (outs,)
    lift = card.cupy.asarray
    operands = [lift(np.zeros(shape, dtype)) for shape in shapes]
    y, g = (lift(np.zeros((rows, outs), dtype)) for _ in "yg")
    grads = nbl.BilinearGrads(*(lift(np.zeros(shape, dtype)) for shape in shapes))
    with nbl.config(precision=precision):
        forward = nbl.plan(*operands, backend="cuda")
        backward = nbl.plan(*operands, backward=True, backend="cuda")
        rooms = [
            lift(np.zeros(plan.workspace_bytes // forward.signature.dtype.itemsize, forward.signature.dtype))
            for plan in (forward, backward)
        ]
        del card.launched[:], card.allocated[:]
        forward.run(*operands, out=y, workspace=rooms[0])
        nbl.bilinear_backward(g, *operands, out=grads, workspace=rooms[1], backend="cuda")
    assert card.launched == launches
    assert card.allocated == []
