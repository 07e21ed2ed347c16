"""Kernels compute as IEEE 754 has it, whatever mode the caller's thread is in: subnormals kept, rounded to nearest.

A library built with -Ofast, or ``torch.set_flush_denormal``, sets flush-to-zero for a thread, and threads born from it
inherit that; which rows lost their subnormals then depended on which thread had taken them. ``NUMBA_DISABLE_JIT``
leaves the mode alone: plain Python cannot reach it.
"""

import platform
from typing import Any

import numba
from llvmlite import ir
from numba.extending import intrinsic

_INT, _WIDE, _BYTES = ir.IntType(32), ir.IntType(64), ir.IntType(8).as_pointer()
_X86 = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686", "x86")
_ARM = platform.machine().lower() in ("aarch64", "arm64")
_IEEE, _CONTROL = (0x1F80, 0xFFC0) if _X86 else (0, 0x07FF9F07)  # below MXCSR's control bits are its sticky flags


def read(builder: ir.IRBuilder) -> ir.Value:
    """The thread's mode register: MXCSR or FPCR; elsewhere what passes for IEEE."""
    if _X86:
        memory = builder.alloca(_INT)
        _call(builder, "llvm.x86.sse.stmxcsr", ir.VoidType(), builder.bitcast(memory, _BYTES))
        return builder.load(memory)
    if _ARM:
        return builder.trunc(_call(builder, "llvm.aarch64.get.fpcr", _WIDE), _INT)
    return _INT(_IEEE)


def write(builder: ir.IRBuilder, mode: ir.Value) -> None:
    """Set the thread's mode register, its sticky flags as ``mode`` has them."""
    if _X86:
        memory = builder.alloca(_INT)
        builder.store(mode, memory)
        _call(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), builder.bitcast(memory, _BYTES))
    elif _ARM:
        _call(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), builder.zext(mode, _WIDE))


def _call(builder: ir.IRBuilder, name: str, result: ir.Type, *arguments: ir.Value) -> ir.Value:
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(builder.module.declare_intrinsic(name, (), kind), arguments)


@intrinsic
def _flip(_typing: Any, _bits: Any) -> Any:
    """Set the control bits to those of IEEE but for ``_bits``, and return where they differed from IEEE before."""

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any) -> ir.Value:
        mode = read(builder)
        before = builder.and_(builder.xor(mode, _INT(_IEEE)), _INT(_CONTROL))
        after = builder.trunc(arguments[0], _INT)
        with builder.if_then(builder.icmp_unsigned("!=", before, after)):
            write(builder, builder.xor(mode, builder.xor(before, after)))
        return builder.zext(before, _WIDE)

    return numba.int64(numba.int64), generate


if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]

    def enter() -> int:
        """Nothing: plain Python computes in the caller's mode."""
        return 0

    def leave(before: int) -> None:
        """Nothing."""

else:

    @numba.njit
    def enter() -> int:
        """Go over to IEEE; returns what :func:`leave` needs to go back, 0 where there is nothing to do."""
        return _flip(0)  # type: ignore[call-arg]

    @numba.njit
    def leave(before: int) -> None:
        """Go back to the mode that :func:`enter` found."""
        _flip(before)  # type: ignore[call-arg]
