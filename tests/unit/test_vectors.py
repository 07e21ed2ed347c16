"""The setting ``vectors``: which widths are to be had, that each has code of its own, and that they never mix."""

import contextvars
import os
import re
import subprocess
import sys
import threading

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear import info, vectors
from nbbilinear.backends.numba.simd import halves, lines, machine, row_tiles, tasks
from nbbilinear.config import current
from nbbilinear.forms import at_once
from nbbilinear.plan import _plan

import cases
import formed
import widths

SINGLE = np.dtype("f4")
HASWELL = vectors.Processor("x86", "haswell", {"fma": True, "avx2": True, "avx512f": False, "bmi2": False})
OLD = vectors.Processor("x86", "nehalem", {"avx2": False})
ARM = vectors.Processor("arm", "apple-m1", {"neon": True})
WIDER = {"zmm": r"zmm", "ymm": r"ymm", "masks": r"%k[0-7]", "upper half": r"[xyz]mm(1[6-9]|2\d|3[01])\b"}
ABSENT = {"avx512": set(), "avx2": {"zmm", "masks", "upper half"}, "neon": {"zmm", "ymm", "masks", "upper half"}}
several = pytest.mark.skipif(len(widths.HERE) < 2, reason="one width of vectors here")


@pytest.fixture
def pretend(monkeypatch):
    """Another processor."""

    def become(processor):
        monkeypatch.setattr(vectors, "processor", lambda: processor)
        machine.machine_of.cache_clear()

    yield become
    monkeypatch.undo()
    machine.machine_of.cache_clear()


@pytest.fixture
def lanes(monkeypatch):
    """The lanes of the tables that loops were run with, by thread."""
    seen, run = {}, tasks.run

    def noted(body, args, *rest):
        seen.setdefault(threading.current_thread().name, set()).add(int(args[0][0]["lanes"]))
        run(body, args, *rest)

    monkeypatch.setattr(tasks, "run", noted)
    return seen


def drawn(rows=70, dtype="f4"):
    rng = np.random.default_rng(0)
    shapes = ((rows, 19), (rows, 35), (8, 19, 35), (8,), (rows, 8))
    x1, x2, weight, bias, g = (rng.integers(-3, 4, shape).astype(dtype) for shape in shapes)
    return {"x1": x1, "x2": x2, "weight": weight, "bias": bias}, g


def lanes_of(name):
    return vectors.WIDTHS[name].vector_bytes // 4


@pytest.mark.parametrize(
    ("processor", "asked", "says"),
    [
        (HASWELL, "avx512", r"haswell\) has avx2, neon; ask for one of 'avx2', 'neon', 'none', 'auto'"),
        (ARM, "avx2", r"apple-m1\) has neon; ask for one of 'neon', 'none', 'auto'"),
        (OLD, "neon", r"nehalem\) has no vectors with fused multiply-add; ask for one of 'none', 'auto'"),
    ],
)
def test_wider_than_the_processor_is_refused(pretend, processor, asked, says):
    pretend(processor)
    before = current()
    with pytest.raises(nbl.ConfigError, match=says), nbl.config(vectors=asked):
        pass
    assert current() is before
    for allowed in vectors.choices():
        with nbl.config(vectors=allowed) as settings:
            assert settings.vectors == allowed


@pytest.mark.skipif(machine.host() is None, reason="nothing is compiled here")
def test_a_narrower_target_has_no_more_than_the_processor(pretend):
    pretend(HASWELL)
    assert machine.machine_of("auto")[:3] == machine.machine_of("avx2")[:3] == (32, 12, "haswell")
    narrow = machine.machine_of("neon")
    assert narrow[:3] == (16, 24, "x86-64-v3")
    assert set(narrow.features.split(",")) == {"-avx512f", "-bmi2"}


@pytest.mark.skipif(vectors.processor().architecture != "x86", reason="registers of x86 are looked for")
@pytest.mark.parametrize("name", widths.HERE)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_machine_code_has_no_wider_registers(name, dtype):
    with nbl.config(vectors=name):
        compiled = machine.compiler(np.dtype(dtype))
    tall = compiled.sums // 2
    kernels = [(lines.weigh, (tall, tall - 1, 2, True, True)), (row_tiles.cross, (tall, 2, False))]
    if dtype == "f4":
        kernels += [(halves.to_float16, ()), (halves.from_float16, ())]
    target, text = machine.target_of(compiled.machine.cpu, compiled.machine.features), ""
    for emit, shape in kernels:
        module = machine.llvm.parse_assembly(machine.written(emit, compiled.dtype, compiled.lanes, shape))
        text += target.emit_assembly(module)
    found = {what for what, pattern in WIDER.items() if re.search(pattern, text)}
    assert not found & ABSENT[name]
    assert {"avx512": "zmm", "avx2": "ymm", "neon": "xmm"}[name] in text
    assert ("vmaskmov" in text) == (name != "avx512")


@several
def test_threads_with_different_widths_at_once(lanes):
    operands, g = drawn()
    begin, failed = threading.Barrier(len(widths.HERE)), []
    want = np.einsum("bi,bj,kij->bk", *(operands[name] for name in ("x1", "x2", "weight"))) + operands["bias"]

    def work(name):
        try:
            with nbl.config(vectors=name, threads=1, backend="numba/simd.left"):
                begin.wait(60)
                for _ in range(50):
                    np.testing.assert_array_equal(nbl.bilinear(**operands), want)
                    nbl.bilinear_backward(g, **operands)
        except BaseException as failure:  # noqa: BLE001 - told by the test's own thread
            failed.append(failure)

    threads = [threading.Thread(target=work, args=(name,), name=name) for name in widths.HERE]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert lanes == {name: {lanes_of(name)} for name in widths.HERE}


@several
def test_contexts_of_one_thread_keep_apart(lanes):
    operands, _ = drawn()
    with nbl.config(vectors=widths.HERE[-1]):
        narrow = contextvars.copy_context()
    for context, name in ((narrow, widths.HERE[-1]), (contextvars.copy_context(), widths.HERE[0])) * 2:
        lanes.clear()
        context.run(nbl.bilinear, **operands, backend="numba/simd.columns")
        assert list(lanes.values()) == [{lanes_of(name)}]


def test_whole_numbers_have_the_same_bits_at_every_width(monkeypatch):
    """Products, gradients, all pairs, forms, half floats."""
    monkeypatch.setattr(at_once, "SMALLEST", 1)
    operands, g = drawn()
    rng = np.random.default_rng(1)
    sizes, names = {"k": 11, "i": 19, "j": 19, "r": 3}, ("low_rank", "cp", "diagonal")
    given = [formed.operands(nbl.forms.FORMS[one], "rows", "f4", rng, cases.small_integers, sizes) for one in names]
    tall = [one | {"x1": np.tile(one["x1"], (40, 1))[:70], "x2": np.tile(one["x2"], (40, 1))[:70]} for one in given]
    found = {}
    for name in widths.ALL:
        with nbl.config(vectors=name):
            half = np.empty((70, 19), np.float16)
            halves.convert(half, operands["x1"] / 7)
            found[name] = [
                nbl.bilinear(**operands), *nbl.bilinear_backward(g, **operands),
                nbl.bilinear_pairs(operands["x1"], operands["x2"], operands["weight"]), half,
                *(nbl.bilinear(**one) for one in tall),
            ]  # fmt: skip
    for name, results in found.items():
        for one, other in zip(results, found["none"], strict=True):
            np.testing.assert_array_equal(one.view(np.uint8), other.view(np.uint8), err_msg=name)


def test_none_takes_no_vector_kernel(monkeypatch):
    monkeypatch.setattr(at_once, "SMALLEST", 1)
    monkeypatch.setattr(machine, "_compiler_of", None)  # what would be called for one
    machine._compiler.cache_clear()
    _plan.cache_clear()
    operands, g = drawn(rows=4096)
    low = nbl.forms.LowRank(*(np.ones((64, size, 4), np.float32) for size in (19, 35)))
    with nbl.config(vectors="none"):
        for label in (choice.label for choice in nbl.plan(**operands).choices):
            assert not label.startswith("numba/simd")
        nbl.bilinear_vjp(**operands)[1](g)
        nbl.bilinear(operands["x1"], operands["x2"], low, backend="numba")
        nbl.bilinear(**{name: a.astype(np.float16) for name, a in operands.items()}, backend="numba")
    machine._compiler.cache_clear()


@pytest.mark.parametrize("kernel", [f"numba/{name}" for name in ("simd", "simd.left", "simd.columns", "simd.outer")])
@pytest.mark.skipif(machine.host() is None, reason="these kernels are not here")
def test_a_kernel_asked_for_by_name_is_refused_without_vectors(kernel):
    operands, g = drawn()
    for ask in (nbl.bilinear, nbl.plan, lambda **given: nbl.bilinear_backward(g, **given)):
        with nbl.config(vectors="none"), pytest.raises(nbl.BackendError, match=r"vectors='none'.*NBBILINEAR_VECTORS"):
            ask(**operands, backend=kernel)


@several
@pytest.mark.parametrize("kernel", ["numba/simd.left", "numba/simd.columns"])
@pytest.mark.parametrize("made", widths.HERE)
def test_plans_and_pullbacks_keep_to_their_vectors(lanes, made, kernel):
    """Their workspace is cut for them."""
    operands, g = drawn()
    with nbl.config(vectors=made, threads=1):
        planned = nbl.plan(**operands, backend=kernel)
        flop, told, y = planned.flop, str(planned), nbl.bilinear(**operands, backend=kernel)
        pull = nbl.bilinear_vjp(**operands, backend=kernel)[1]
        want = pull(g)
    for now in widths.ALL:
        lanes.clear()
        with nbl.config(vectors=now, threads=1):
            assert (planned.flop, str(planned)) == (flop, told)
            np.testing.assert_array_equal(planned.run(**operands), y)
            for one, other in zip(pull(g), want, strict=True):
                np.testing.assert_array_equal(one, other)
            assert current().vectors == now
        assert list(lanes.values()) == [{lanes_of(made)}]


@pytest.mark.skipif(machine.host() is None, reason="nothing is compiled here")
def test_the_environment_sets_the_vectors():
    name = widths.HERE[-1]
    code = (
        "import numpy as np, nbbilinear as nbl; from nbbilinear import info; x = np.ones((40, 19), np.float32)\n"
        "print(nbl.bilinear(x, x, np.ones((8, 19, 19), np.float32)).sum(), info.facts()['vectors']['in use'])\n"
        "from nbbilinear.backends.numba.simd.machine import machine_of; from nbbilinear.config import current\n"
        "print(machine_of(current().vectors).vector_bytes)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"NBBILINEAR_VECTORS": name}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    first, second = done.stdout.splitlines()
    assert first.startswith(f"{40 * 8 * 19 * 19:.1f} {name}: NBBILINEAR_VECTORS; the processor has ")
    assert second == str(vectors.WIDTHS[name].vector_bytes)


@pytest.mark.skipif(machine.host() is None, reason="nothing is compiled here")
def test_info_says_what_is_in_use_and_what_may_be_asked_for(pretend):
    pretend(HASWELL)
    assert info.facts()["vectors"]["may be asked for"] == "avx2, neon, none, auto"
    assert info.facts()["vectors"]["in use"] == "avx2: the widest this processor has"
    with nbl.config(vectors="neon"):
        assert info.facts()["vectors"]["in use"] == "neon: nbbilinear.config; the processor has avx2"
