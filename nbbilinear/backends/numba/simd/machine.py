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

from .... import vectors
from ....config import current
from ....errors import BackendError
from .words import I64, VECTORS_OF, Words

_compiling = RLock()


class Machine(NamedTuple):
    """What micro-kernels are compiled for: bytes of a vector, sums that a tile keeps in registers, LLVM's target."""

    vector_bytes: int
    sums: int
    cpu: str
    features: str


@lru_cache(maxsize=8)
def machine_of(setting: str) -> Machine | None:
    """The machine that ``config(vectors=setting)`` asks for; None where there are to be no vector kernels.

    None too where Numba does not compile: plain Python cannot call machine code by address.
    """
    here = vectors.here()
    if config.DISABLE_JIT or setting == "none" or not here:  # type: ignore[attr-defined]
        return None
    architecture, cpu, features = vectors.processor()
    name = here[0] if setting == "auto" else setting
    width = vectors.WIDTHS[name]
    signs = {feature: "+" if present else "-" for feature, present in features.items()}
    if name != here[0]:  # of such a processor, but without what this one lacks: a hypervisor may hide a feature
        cpu = width.cpu[architecture]
        signs = {feature: sign for feature, sign in signs.items() if sign == "-"}
    return Machine(width.vector_bytes, width.sums, cpu, ",".join(sign + feature for feature, sign in signs.items()))


def host() -> Machine | None:
    """The machine of the widest vectors; None where there are none."""
    return machine_of("auto")


class Compiler:
    """Micro-kernels for one element type on one machine. There is one of each: caches find it by its identity."""

    __slots__ = ("dtype", "itemsize", "lanes", "machine", "sums")

    def __init__(self, dtype: np.dtype[Any], machine: Machine) -> None:
        self.dtype, self.machine, self.itemsize = dtype, machine, dtype.itemsize
        self.lanes = machine.vector_bytes // dtype.itemsize  # numbers in a vector
        self.sums = machine.sums

    def __call__(self, emit: Callable[..., None], *shape: int) -> int:
        """The address of the micro-kernel that ``emit(words, *shape, ...)`` writes; compiled when first asked for."""
        with _compiling:
            engine = _engine(written(emit, self.dtype, self.lanes, shape), self.machine.cpu, self.machine.features)
        address: int = engine.get_function_address(emit.__name__)
        return address


def compiler(dtype: np.dtype[Any]) -> Compiler:
    """The compiler for the vectors in force. A kernel asks once a call, and hands it on."""
    found = _compiler(dtype, current().vectors)
    if found is None:
        raise BackendError(f"numba/simd cannot compute {dtype}: {lacks() or 'it takes float32 and float64'}")
    return found


def compiler_if_any(dtype: np.dtype[Any]) -> Compiler | None:
    """The compiler for the vectors in force; None where vector kernels take nothing of this dtype."""
    return _compiler(dtype, current().vectors)


@lru_cache(maxsize=64)
def _compiler(dtype: np.dtype[Any], setting: str) -> Compiler | None:
    machine = machine_of(setting)
    return None if machine is None or dtype not in VECTORS_OF else _compiler_of(dtype, machine)


@cache  # never dropped: two dtypes, a machine for each width
def _compiler_of(dtype: np.dtype[Any], machine: Machine) -> Compiler:
    return Compiler(dtype, machine)


def lacks() -> str | None:
    """Why there are no vector kernels under the settings in force; None where there are."""
    setting = current().vectors
    if machine_of(setting) is not None:
        return None
    if setting == "none":
        return "vectors='none' (nbbilinear.config or NBBILINEAR_VECTORS) asks for no vector kernels"
    if not vectors.here():
        return "this processor has no vectors with fused multiply-add"
    return "NUMBA_DISABLE_JIT is set, and vector kernels are compiled"


@lru_cache(maxsize=512)
def written(emit: Callable[..., None], dtype: np.dtype[Any], lanes: int, shape: tuple[int, ...]) -> str:
    """LLVM IR of one function of that name, whose operands are 64-bit integers."""
    module = ir.Module(emit.__name__)
    operands = len(signature(emit).parameters) - 1 - len(shape)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64] * operands), emit.__name__)
    builder = ir.IRBuilder(function.append_basic_block())
    emit(Words(builder, dtype, lanes), *shape, *function.args)
    builder.ret_void()
    return str(module)


@cache  # never dropped, since addresses are kept; a few hundred shapes of tile are all there are
def _engine(text: str, cpu: str, features: str) -> llvm.ExecutionEngine:
    """The compiled module. It is kept: its code lives as long as this does."""
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(text), target_of(cpu, features))
    engine.finalize_object()
    return engine


def target_of(cpu: str, features: str) -> llvm.TargetMachine:
    """LLVM's code generator for a machine."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(cpu=cpu, features=features, opt=3)


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
