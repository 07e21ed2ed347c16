"""From a kernel to a binary for one compute capability: Numba to PTX, NVIDIA's linker to code. No device needed."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from numba import cuda, types

from ...errors import BackendError
from . import elements, few, forward, inputs, sides, sums, weights
from .tiles import KINDS, STORED, Kernel

FACTORIES: dict[str, tuple[Callable[[Kernel], Callable[..., None]], str]] = {
    "forward": (forward.make, forward.ARGUMENTS),
    "inputs": (inputs.make, inputs.ARGUMENTS),
    "inputs.parts": (inputs.make, inputs.PARTS_ARGUMENTS),
    "weights": (weights.make, weights.ARGUMENTS),
    "weights.parts": (weights.make, weights.PARTS_ARGUMENTS),
    "first": (sides.make_first, sides.ARGUMENTS),
    "second": (sides.make_second, sides.ARGUMENTS),
    "few": (few.make, few.ARGUMENTS),
    "few.inputs": (few.make_inputs, few.INPUTS_ARGUMENTS),
    "elements": (elements.make, elements.ARGUMENTS),
    "elements.backward": (elements.make_backward, elements.BACKWARD_ARGUMENTS),
    "slices": (sums.make_slices, sums.SLICES_ARGUMENTS),
    "bias": (sums.make_bias, sums.BIAS_ARGUMENTS),
    "bias.parts": (sums.make_bias, sums.BIAS_PARTS_ARGUMENTS),
}


class Binary(NamedTuple):
    """Machine code, the name of its entry, and what the compilers had to say."""

    code: bytes
    entry: str
    ptx: str
    log: str


def compiled(kernel: Kernel, capability: tuple[int, int]) -> Binary:
    """Compile a kernel. Arguments are plain pointers and 32-bit integers."""
    from cuda.core import Linker, LinkerOptions, ObjectCode  # noqa: PLC0415  only where something is compiled

    make, arguments = FACTORIES[kernel.name]
    _, stored, _ = KINDS[kernel.kind]
    kinds: dict[str, Any] = {
        "r": types.CPointer(kernel.real), "s": types.CPointer(STORED[stored]),
        "p": types.CPointer(types.int32), "i": types.int32,
    }  # fmt: skip
    ptx, _ = cuda.compile(
        make(kernel), types.void(*(kinds[letter] for letter in arguments)), device=False, abi="numba", cc=capability,
        launch_bounds=(kernel.tile.threads, 1),
    )  # fmt: skip
    found = re.search(r"\.entry (\w+)", ptx)
    if found is None:
        raise BackendError(f"kernel {kernel.name!r} was compiled to something without an entry: {ptx[:200]}")
    options = LinkerOptions(arch="sm_{}{}".format(*capability), ptxas_options=["-v"], verbose=True)
    linker = Linker(ObjectCode.from_ptx(ptx.encode()), options=options)
    return Binary(bytes(linker.link("cubin").code), found.group(1), ptx, linker.get_info_log())
