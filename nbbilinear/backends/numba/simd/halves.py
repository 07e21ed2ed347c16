"""Half floats to float32 and back, vector by vector: ten times as fast as NumPy's casts."""

from collections.abc import Callable
from ctypes import CFUNCTYPE, c_int64
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir

from ... import conversion
from .machine import Compiler, compiler_if_any
from .words import I64, Words

Array = Any
Value = Any
_HALF, _I16, _I32, _FLOAT = ir.HalfType(), ir.IntType(16), ir.IntType(32), ir.FloatType()
_SINGLE = np.dtype(np.float32)


def from_float16(
    words: Words, source: Value, source_row: Value, rows: Value, columns: Value, target: Value, row: Value
) -> None:
    """target[r,c] = source[r,c], float32 from float16. ``source_row`` and ``row`` are bytes from row to row."""
    _convert(words, _HALF, _FLOAT, words.builder.fpext, (source, source_row), (target, row), rows, columns)


def to_float16(
    words: Words, source: Value, source_row: Value, rows: Value, columns: Value, target: Value, row: Value
) -> None:
    """target[r,c] = source[r,c], float16 from float32, rounded to the nearest, of two as near to the even one."""
    _convert(words, _FLOAT, _HALF, words.builder.fptrunc, (source, source_row), (target, row), rows, columns)


def from_bfloat16(
    words: Words, source: Value, source_row: Value, rows: Value, columns: Value, target: Value, row: Value
) -> None:
    """target[r,c] = source[r,c], float32 from bfloat16, which is its upper half."""
    builder = words.builder

    def widen(value: Value, kind: ir.Type) -> Value:
        bits = _alike(value.type, _I32)
        upper = builder.shl(builder.zext(value, bits), _constant(bits, 16))
        return builder.bitcast(upper, kind)

    _convert(words, _I16, _FLOAT, widen, (source, source_row), (target, row), rows, columns)


def to_bfloat16(
    words: Words, source: Value, source_row: Value, rows: Value, columns: Value, target: Value, row: Value
) -> None:
    """target[r,c] = source[r,c], bfloat16 from float32, rounded as float16 is; NaN stays NaN."""
    builder = words.builder

    def narrow(value: Value, kind: ir.Type) -> Value:
        bits = _alike(value.type, _I32)
        whole, half = builder.bitcast(value, bits), _constant(bits, 16)
        even = builder.and_(builder.lshr(whole, half), _constant(bits, 1))
        rounded = builder.add(whole, builder.add(even, _constant(bits, 0x7FFF)))
        quiet = builder.or_(whole, _constant(bits, 1 << 22))  # rounded, a NaN of small payload would become infinite
        chosen = builder.select(builder.fcmp_unordered("uno", value, value), quiet, rounded)
        return builder.trunc(builder.lshr(chosen, half), kind)

    _convert(words, _FLOAT, _I16, narrow, (source, source_row), (target, row), rows, columns)


_KERNELS = {
    ("float16", "float32"): from_float16,
    ("float32", "float16"): to_float16,
    ("bfloat16", "float32"): from_bfloat16,
    ("float32", "bfloat16"): to_bfloat16,
}


def convert(target: Array, source: Array) -> None:
    """Write ``source`` into ``target`` of the same shape, rounded to its dtype; through NumPy what is no half float."""
    kernel = _kernel(target.dtype, source.dtype, compiler_if_any(_SINGLE))
    lines = None if kernel is None else _lines(target, source)
    if kernel is None or lines is None:
        conversion.convert(target, source)
        return
    rows, columns, source_row, target_row = lines
    kernel(_at(source), source_row, rows, columns, _at(target), target_row)


def _lines(target: Array, source: Array) -> tuple[int, int, int, int] | None:
    """Rows and columns of two arrays, and bytes from row to row, where numbers in rows are neighbours."""
    if not (target.flags.aligned and source.flags.aligned):
        return None
    if target.flags.c_contiguous and source.flags.c_contiguous:
        return 1, target.size, 0, 0
    if target.ndim == 2 and all(a.strides[1] == a.itemsize for a in (target, source)):
        return *target.shape, source.strides[0], target.strides[0]
    return None


@lru_cache(maxsize=64)
def _kernel(target: np.dtype[Any], source: np.dtype[Any], compiled: Compiler | None) -> Callable[..., None] | None:
    """The compiled kernel, if there is one for these."""
    emit = _KERNELS.get((source.name, target.name)) if target.isnative and source.isnative else None
    if emit is None or compiled is None:
        return None
    return CFUNCTYPE(None, *[c_int64] * 6)(compiled(emit))


def _at(array: Array) -> int:
    return int(array.ctypes.data)


def _convert(
    words: Words, source_type: ir.Type, target_type: ir.Type, change: Callable[[Value, Any], Value],
    source: tuple[Value, Value], target: tuple[Value, Value], rows: Value, columns: Value,
) -> None:  # fmt: skip
    """Row by row whole vectors, the last over the end of the one before; numbers one by one where all are few."""
    builder, lanes = words.builder, words.lanes
    few = words.less(columns, I64(lanes))
    singles = builder.select(few, columns, I64(0))
    in_vectors = builder.select(few, I64(0), columns)
    last = words.minus(columns, I64(lanes))

    def move(count: int, place: Value, source: Value, target: Value) -> None:
        kinds = [ir.VectorType(kind, count) if count > 1 else kind for kind in (source_type, target_type)]
        sizes = [4 if kind is _FLOAT else 2 for kind in (source_type, target_type)]
        there, here = (
            builder.inttoptr(words.add(address, words.times(place, size)), kind.as_pointer())
            for address, size, kind in zip((source, target), sizes, kinds, strict=True)
        )
        builder.store(change(builder.load(there, align=sizes[0]), kinds[1]), here, align=sizes[1])

    def row(_: Value, from_here: Value, to_here: Value) -> list[Value]:
        def vector(c: Value) -> list[Value]:
            move(lanes, words.least(c, last), from_here, to_here)
            return []

        def single(c: Value) -> list[Value]:
            move(1, c, from_here, to_here)
            return []

        words.repeat(in_vectors, [], vector, step=lanes)
        words.repeat(singles, [], single)
        return [words.add(from_here, source[1]), words.add(to_here, target[1])]

    words.repeat(rows, [source[0], target[0]], row)


def _alike(kind: ir.Type, element: ir.Type) -> ir.Type:
    """``element``, as often as ``kind`` has elements."""
    return ir.VectorType(element, kind.count) if isinstance(kind, ir.VectorType) else element


def _constant(kind: ir.Type, value: int) -> Value:
    return ir.Constant(kind, [value] * kind.count if isinstance(kind, ir.VectorType) else value)
