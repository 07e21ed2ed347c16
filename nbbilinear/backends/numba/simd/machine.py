"""Micro-kernels as machine code: compiled apart by llvmlite, once each, and called by address from Numba's loops.

Compiled into its callers, each of them would be optimised again in every one: seconds where this takes milliseconds.
"""

from collections.abc import Callable
from functools import cache, lru_cache
from inspect import signature
from threading import RLock
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from ....errors import BackendError
from .words import I64, Words

_compiling = RLock()


class Machine(NamedTuple):
    """What this processor's vectors are like: bytes of one, and how many sums a tile keeps in registers."""

    vector_bytes: int
    sums: int


@lru_cache(maxsize=1)
def host() -> Machine | None:
    """The vectors of this processor; None where it cannot multiply and add them in one instruction.

    None too where Numba does not compile: plain Python cannot call machine code by address.
    """
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        return None
    has = llvm.get_host_cpu_features()
    if has.get("avx512f"):
        return Machine(64, 28)  # of 32 registers
    if has.get("fma") and has.get("avx2"):
        return Machine(32, 12)  # of 16
    if llvm.get_process_triple().startswith(("aarch64", "arm64")):
        return Machine(16, 24)  # of 32: a multiply-add has no operand in memory, so numbers to broadcast take some
    return None


class Compiler(NamedTuple):
    """Micro-kernels for one element type on one kind of machine."""

    dtype: np.dtype[Any]
    machine: Machine

    @property
    def lanes(self) -> int:
        """Numbers in a vector."""
        return self.machine.vector_bytes // self.dtype.itemsize

    @property
    def sums(self) -> int:
        """Sums that a tile keeps in registers."""
        return self.machine.sums

    def __call__(self, emit: Callable[..., None], *shape: int) -> int:
        """The address of the micro-kernel that ``emit(words, *shape, ...)`` writes; compiled when first asked for."""
        with _compiling:
            engine = _engine(_written(emit, self.dtype, self.lanes, shape))
        address: int = engine.get_function_address(emit.__name__)
        return address


def compiler(dtype: np.dtype[Any]) -> Compiler:
    """The compiler for this processor."""
    machine = host()
    if machine is None:
        raise BackendError("numba/simd needs a processor with fused multiply-add on vectors; take numba/portable")
    return Compiler(dtype, machine)


@lru_cache(maxsize=512)
def _written(emit: Callable[..., None], dtype: np.dtype[Any], lanes: int, shape: tuple[int, ...]) -> str:
    """LLVM IR of one function of that name, whose operands are 64-bit integers."""
    module = ir.Module(emit.__name__)
    operands = len(signature(emit).parameters) - 1 - len(shape)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64] * operands), emit.__name__)
    builder = ir.IRBuilder(function.append_basic_block())
    emit(Words(builder, dtype, lanes), *shape, *function.args)
    builder.ret_void()
    return str(module)


@cache  # never dropped, since addresses are kept; a few hundred shapes of tile are all there are
def _engine(text: str) -> llvm.ExecutionEngine:
    """The compiled module. It is kept: its code lives as long as this does."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3
    )
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(text), target)
    engine.finalize_object()
    return engine


def table(*lines: NamedTuple) -> np.ndarray:
    """Integers by name, as loops take them: from memory. Unpacked on every call, two tuples take 1.1 us longer."""
    return np.array([tuple(map(int, line)) for line in lines], [(name, np.int64) for name in lines[0]._fields])


def _call(typing_context, address, *operands):  # noqa: ARG001
    """``call(address, ...)``: call a micro-kernel with 64-bit integers."""
    result = types.void(types.int64, types.StarArgTuple(operands))

    def generate(context, builder, _, values):
        integers = cgutils.unpack_tuple(builder, values[1])
        kind = ir.FunctionType(ir.VoidType(), [I64] * len(integers))
        builder.call(builder.inttoptr(values[0], kind.as_pointer()), integers)
        return context.get_dummy_value()

    return result, generate


def _where(typing_context, array):  # noqa: ARG001
    """The address of an array, signed: Numba adds an unsigned and a signed integer as float64."""
    result = types.int64(array)

    def generate(context, builder, signature, values):
        data = context.make_array(signature.args[0])(context, builder, values[0]).data
        return builder.ptrtoint(data, I64)

    return result, generate


def _aligned(typing_context, array):  # noqa: ARG001
    """The first address in an array that begins a cache line."""
    result = types.int64(array)

    def generate(context, builder, signature, values):
        data = context.make_array(signature.args[0])(context, builder, values[0]).data
        return builder.and_(builder.add(builder.ptrtoint(data, I64), I64(63)), I64(-64))

    return result, generate


call: Any = intrinsic(_call)
where: Any = intrinsic(_where)
aligned: Any = intrinsic(_aligned)
