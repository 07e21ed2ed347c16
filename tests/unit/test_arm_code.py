"""What LLVM makes of micro-kernels for ARM, read as assembly on any processor: `tests/arm/run.sh` runs them."""

import re

import llvmlite.binding as llvm
import numpy as np
import pytest

from nbbilinear import vectors
from nbbilinear.backends.numba.simd import lines, machine, moves

STEP = re.compile(r"\t(?P<name>[a-z]\S*)\t?(?P<operands>.*)")


@pytest.fixture(scope="module")
def target():
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        kind = llvm.Target.from_triple("aarch64-unknown-linux-gnu")
    except RuntimeError:
        pytest.skip("this LLVM does not compile for ARM")
    return kind.create_target_machine(cpu="neoverse-n1", opt=3)


@pytest.fixture
def arm():
    """The machine that is found on ARM."""
    if machine.config.DISABLE_JIT:
        pytest.skip("no machine code with NUMBA_DISABLE_JIT")
    width = vectors.WIDTHS["neon"]
    return machine.Machine(width.vector_bytes, width.sums, "neoverse-n1", "")


def blocks(target, arm, dtype, emit, *shape):
    """Basic blocks of a micro-kernel by label, in order, each a list of (instruction, operands)."""
    compiler = machine.Compiler(np.dtype(dtype), arm)
    text = target.emit_assembly(llvm.parse_assembly(machine.written(emit, compiler.dtype, compiler.lanes, shape)))
    found = {"": []}
    for line in text.splitlines():
        if line.startswith(".LBB"):
            found[line.split(":")[0]] = []
        elif step := STEP.match(line):
            list(found.values())[-1].append((step["name"], step["operands"]))
    return found


def hottest(found):
    """The block that multiplies most, of those that branch to themselves."""
    turning = [
        steps
        for label, steps in found.items()
        if any(name.startswith(("b.", "cb", "tb")) and operands.endswith(label) for name, operands in steps)
    ]
    return max(turning, key=lambda steps: sum(name == "fmla" for name, _ in steps))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("emit", [lines.product, lines.project, lines.spread, lines.weigh, lines.accumulate])
def test_sums_stay_in_registers(target, arm, emit, dtype):
    """A multiply-add has no operand in memory here: numbers to broadcast need registers beside the sums."""
    tall = arm.sums // 2
    shape = {
        "product": (tall, tall - 1, 2, False),
        "project": (tall, 2, False),
        "spread": (tall // 2, 2, 2, False),
        "weigh": (tall, tall - 1, 2, False, False),
        "accumulate": (tall, tall - 1, 2, False),
    }[emit.__name__]
    loop = hottest(blocks(target, arm, dtype, emit, *shape))
    assert sum(name == "fmla" for name, _ in loop) == arm.sums
    assert not [step for step in loop if "sp" in step[1] or (step[0] == "mov" and "v" in step[1])]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_whole_vector_within_a_mask_is_moved_at_once(target, arm, dtype):
    """There are no masked loads and stores: one branch a vector, where LLVM by itself writes one a lane."""
    lanes = arm.vector_bytes // np.dtype(dtype).itemsize
    found = blocks(target, arm, dtype, moves.pack, 4 * lanes)
    whole = [name for steps in found.values() for name, operands in steps if operands.startswith("q")]
    assert sorted(whole) == ["ldr"] * 4 + ["str"] * 4
