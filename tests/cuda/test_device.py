"""The CUDA kernels on a card: right, the same bits on every run, on the caller's stream, in a graph, at every size."""

import contextlib

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear import devices

import cases
import halves
import oracle

pytestmark = pytest.mark.gpu
ways = pytest.mark.parametrize(
    "way",
    [
        ("float32", "float32", 0.0), ("float64", "float32", 0.0), ("float16", "float32", 0.0),
        ("bfloat16", "float32", 0.0), ("float32", "tf32x3", 3 * 2.0**-22), ("float32", "tf32", 2.1 * 2.0**-11),
    ],
    ids=lambda way: f"{way[0]}-{way[1]}",
)  # fmt: skip
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
# rows, in1, in2, out: tails and vectors for every tile there is, large and small
SHAPES = [
    (1, 1, 1, 1),
    (300, 65, 131, 7),
    (4099, 128, 128, 33),
    (50_000, 20, 24, 5),
    (33, 300, 260, 40),
    (3, 130, 516, 9),
    (5000, 200, 72, 1),
    (70, 9, 3, 300),
]
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)


@pytest.fixture(autouse=True, scope="module")
def cupy():
    try:
        found = devices.load()
        nbl.plan((2, 2), (2, 2), (2, 2, 2), backend="cuda")
    except (ImportError, nbl.BackendError) as missing:
        pytest.skip(str(missing))
    return found


def drawn(cupy, shape, dtype, seed=0):
    """Operands of paired rows, bias and the gradient of y, on the device."""
    rows, in1, in2, out = shape
    rng = np.random.default_rng(seed)
    sizes = (rows, in1), (rows, in2), (out, in1, in2), (out,), (rows, out)
    return [cupy.asarray(rng.normal(size=size).astype(dtype)) for size in sizes]


def everything(operands, g, **options):
    return [nbl.bilinear(*operands, backend="cuda", **options), *nbl.bilinear_backward(g, *operands, backend="cuda")]


@dtypes
@pytest.mark.parametrize("case", cases.NAMES)
def test_every_case_to_the_bit(cupy, case, dtype):
    rng = np.random.default_rng(0)
    for sizes in ((3, 4, 2, 5, 3), (1, 1, 1, 1, 1), (40, 3, 17, 36, 33), (2, 3, 0, 3, 2), (0, 3, 2, 3, 2)):
        some = cases.shapes(case, *sizes)
        ours = cases.operands(some, dtype, rng, cases.small_integers)
        g = cases.small_integers(rng, cases.y_shape(some)).astype(dtype)
        there = {name: None if a is None else cupy.asarray(a) for name, a in ours.items()}
        y = nbl.bilinear(**there, backend="cuda")
        assert type(y) is cupy.ndarray
        np.testing.assert_array_equal(y.get(), cases.definition(**ours))
        exact = oracle.faces(**ours, grad_output=g) if g.size < 3000 else {}
        for name, gradient in nbl.bilinear_backward(cupy.asarray(g), **there, backend="cuda")._asdict().items():
            if gradient is not None and name in exact:
                np.testing.assert_array_equal(gradient.get(), exact[name].value)


@ways
@shapes
def test_every_kernel_against_float64(cupy, shape, way):
    """Within the bound of any order of summation, and what the products and the storing of results may err."""
    from card import right
    from card.shapes import Way

    found = right.errors(shape, Way(*way), rows=shape[0])
    assert {name for name in found if name.startswith("cuda/fused")}
    assert {name: error for name, error in found.items() if not error <= 1} == {}


@ways
@shapes
def test_same_bits_on_every_run(cupy, shape, way):
    from card import right

    dtype, precision, _ = way
    *operands, g = drawn(cupy, shape, halves.dtype(dtype))
    with nbl.config(precision=precision):
        for kernel in right.kernels(precision):
            if kernel.startswith("cuda"):
                runs = {b"".join(a.get().tobytes() for a in all_of(kernel, operands, g)) for _ in range(4)}
                assert len(runs) == 1, kernel


def all_of(kernel, operands, g):
    """What a kernel makes of these; nothing where it does not take them."""
    found = []
    with contextlib.suppress(nbl.BackendError):
        found.append(nbl.bilinear(*operands, backend=kernel))
    with contextlib.suppress(nbl.BackendError):
        found += nbl.bilinear_backward(g, *operands, backend=kernel)
    return found


def test_tiny_problems_of_every_kernel(cupy):
    """For compute-sanitizer: no pool, which would hide what is written beyond an array."""
    from card import right
    from card.shapes import WAYS

    before = cupy.cuda.get_allocator()
    cupy.cuda.set_allocator(None)
    try:
        for way in WAYS:
            for shape in ((5, 9, 7, 3), (33, 40, 24, 17)):
                assert all(error <= 1 for error in right.errors(shape, way).values())
        some = cases.operands(
            cases.shapes("index, out axis"), "float32", np.random.default_rng(0), cases.small_integers
        )
        there = {name: None if a is None else cupy.asarray(a) for name, a in some.items()}
        np.testing.assert_array_equal(nbl.bilinear(**there, backend="cuda").get(), cases.definition(**some))
    finally:
        cupy.cuda.set_allocator(before)


def test_on_the_current_stream(cupy):
    """What the stream has not done yet is waited for, by the stream and not by the host."""
    *operands, g = drawn(cupy, (4096, 64, 64, 64), "float32")
    want = [a.get() for a in everything(operands, g)]
    with cupy.cuda.Stream(non_blocking=True) as stream:
        late = [cupy.zeros_like(a) for a in operands]
        for _ in range(50):
            cupy.matmul(cupy.ones((2048, 2048), "f4"), cupy.ones((2048, 2048), "f4"))
        for one, other in zip(late, operands, strict=True):
            one[...] = other
        found = everything(late, g)
        stream.synchronize()
        for one, other in zip(found, want, strict=True):
            np.testing.assert_array_equal(one.get(), other)


@pytest.mark.parametrize("precision", ["float32", "tf32x3", "tf32"])
def test_a_step_in_a_graph(cupy, precision):
    """Forward, backward and SGD captured once, replayed ten times: as ten steps outside."""
    with nbl.config(precision=precision):
        replayed_as_run(cupy)


def replayed_as_run(cupy):
    operands = drawn(cupy, (2048, 48, 40, 24), "float32")[:4]
    weight = operands[2]
    forward = nbl.plan(*operands, backend="cuda")
    backward = nbl.plan(*operands, backward=True, backend="cuda")
    y = cupy.empty((2048, 24), "f4")
    grads = nbl.BilinearGrads(*map(cupy.empty_like, operands))
    rooms = [cupy.empty(plan.workspace_bytes // 4, "f4") for plan in (forward, backward)]
    step = cupy.empty_like(weight)

    def train():
        forward.run(*operands, out=y, workspace=rooms[0])
        nbl.bilinear_backward(y, *operands, out=grads, workspace=rooms[1], backend="cuda")
        cupy.multiply(grads.weight, np.float32(1e-7), out=step)
        cupy.subtract(weight, step, out=weight)

    begin = weight.copy()
    for _ in range(10):
        train()
    want, weight[...] = weight.get(), begin
    with cupy.cuda.Stream(non_blocking=True) as stream:
        stream.begin_capture()
        train()
        graph = stream.end_capture()
        for _ in range(10):
            graph.launch()
        stream.synchronize()
    np.testing.assert_array_equal(weight.get(), want)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_arrays_of_others_go_in_and_come_back(cupy, library):
    module = pytest.importorskip(library, reason=f"{library} is not installed")
    own = getattr(module, "utils.dlpack", None) if library == "torch" else module.numpy
    take = module.from_dlpack if library == "torch" else own.from_dlpack
    *operands, g = drawn(cupy, (300, 20, 24, 5), "float32")
    want = everything(operands, g)
    theirs = [take(a) for a in (*operands, g)]
    found = everything(theirs[:4], theirs[4])
    for one, other in zip(found, want, strict=True):
        assert type(one).__module__.partition(".")[0] in (library, "jaxlib")
        np.testing.assert_array_equal(cupy.from_dlpack(one).get(), other.get())


def test_more_than_two_to_the_31_elements(cupy):
    free, _ = cupy.cuda.runtime.memGetInfo()
    if free < 24 << 30:
        pytest.skip("needs 24 GB of free memory on the device")
    rows, out = (1 << 26) + 3, 33
    x1, x2 = cupy.arange(rows, dtype="f4").reshape(-1, 1) % 7, cupy.ones((rows, 1), "f4")
    weight = cupy.arange(out, dtype="f4").reshape(out, 1, 1)
    y = nbl.bilinear(x1, x2, weight, backend="cuda")
    for b in (0, 1, rows // 2, rows - 2, rows - 1):
        np.testing.assert_array_equal(y[b].get(), b % 7 * np.arange(out))
    del y
    found = nbl.bilinear_backward(cupy.ones((rows, out), "f4"), x1, x2, weight, wrt=["x1", "x2"], backend="cuda")
    assert (found.x1[-5:].get() == out * (out - 1) / 2).all()
    assert (found.x2[-5:].get() == x1[-5:].get() * out * (out - 1) / 2).all()


def test_a_full_device_is_told_in_bytes(cupy):
    one = cupy.zeros(1, "f4")
    wide = cupy.broadcast_to(one, (1 << 22, 1))
    with pytest.raises(nbl.BackendError, match=r"memory is full: .*[0-9] bytes.*CUPY_GPU_MEMORY_LIMIT"):
        nbl.bilinear(wide[:, None], cupy.broadcast_to(one, (1, 1 << 22, 1)), cupy.ones((1, 1, 1), "f4"))
