"""The vector words that micro-kernels are written in. Each emits LLVM IR; widths and element type are fixed beforehand.

Addresses are 64-bit integers. Offsets are constants, counted in elements, so that they end up inside the instructions.
No instruction carries a fast-math flag: NaN, infinities and signed zeros behave as IEEE says.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from .masks import call, masks

I64, _I32 = ir.IntType(64), ir.IntType(32)
VECTORS_OF = {np.dtype("f4"): (ir.FloatType(), "f32"), np.dtype("f8"): (ir.DoubleType(), "f64")}  # type, name in LLVM
Value = Any


class Words:
    """Instructions on vectors of ``lanes`` numbers of ``dtype``, appended where ``builder`` stands."""

    def __init__(self, builder: ir.IRBuilder, dtype: np.dtype[Any], lanes: int) -> None:
        self.builder, self.lanes, self.itemsize = builder, lanes, dtype.itemsize
        self.scalar, name = VECTORS_OF[dtype]
        self.vector = ir.VectorType(self.scalar, lanes)
        self._suffix = f"v{lanes}{name}"
        self._masks = masks(builder, self.vector, self._suffix, self.itemsize)

    def load(self, address: Value, element: int = 0, mask: Value = None) -> Value:
        """A vector; lanes outside ``mask`` are zero and their memory is not touched."""
        where = self._pointer(address, element, self.vector)
        if mask is None:
            return self.builder.load(where, align=self.itemsize)
        return self._masks.load(where, mask)

    def store(self, value: Value, address: Value, element: int = 0, mask: Value = None) -> None:
        """Write a vector; memory of lanes outside ``mask`` is not touched."""
        where = self._pointer(address, element, self.vector)
        if mask is None:
            self.builder.store(value, where, align=self.itemsize)
            return
        self._masks.store(value, where, mask)

    def store_past(self, value: Value, address: Value, element: int = 0) -> None:
        """Write a vector past the caches; the address is that of a whole vector."""
        store = self.builder.store(
            value, self._pointer(address, element, self.vector), align=self.lanes * self.itemsize
        )
        store.set_metadata("nontemporal", self.builder.module.add_metadata([_I32(1)]))

    def fence(self) -> None:
        """What was written past the caches is there for all threads, before anything that follows."""
        self.builder.fence("seq_cst")

    def load_number(self, address: Value, element: int = 0) -> Value:
        """One number."""
        return self.builder.load(self._pointer(address, element, self.scalar), align=self.itemsize)

    def store_number(self, value: Value, address: Value, element: int = 0) -> None:
        """Write one number."""
        self.builder.store(value, self._pointer(address, element, self.scalar), align=self.itemsize)

    def load_index(self, address: Value, element: int = 0) -> Value:
        """One 64-bit integer."""
        return self.builder.load(self.builder.inttoptr(self.add(address, 8 * element), I64.as_pointer()), align=8)

    def broadcast(self, address: Value, element: int = 0) -> Value:
        """One number in all lanes; the compiler folds the load into the instruction that uses it."""
        return self.splat(self.load_number(address, element), self.vector)

    def prefetch(self, address: Value) -> None:
        """Have the line at an address brought into the second-level cache."""
        where = self.builder.inttoptr(address, ir.IntType(8).as_pointer())
        how = [_I32(0), _I32(2), _I32(1)]  # to read, second level, data
        call(self.builder, "llvm.prefetch.p0", ir.VoidType(), [where.type, *[_I32] * 3], where, *how)

    def splat(self, value: Value, kind: ir.VectorType) -> Value:
        """One value in all lanes."""
        nothing = ir.Constant(kind, ir.Undefined)
        first = self.builder.insert_element(nothing, value, _I32(0))
        return self.builder.shuffle_vector(
            first, nothing, ir.Constant(ir.VectorType(_I32, self.lanes), [0] * self.lanes)
        )

    @property
    def zero(self) -> Value:
        """A vector of zeros."""
        return ir.Constant(self.vector, [0.0] * self.lanes)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """a * b + c, rounded once. llvmlite's own ``fma`` refuses vectors."""
        return call(self.builder, f"llvm.fma.{self._suffix}", self.vector, [self.vector] * 3, a, b, c)

    def multiply(self, a: Value, b: Value) -> Value:
        """a * b."""
        return self.builder.fmul(a, b)

    def plus(self, a: Value, b: Value) -> Value:
        """a + b."""
        return self.builder.fadd(a, b)

    def first(self, count: Value) -> Value:
        """The mask of the first ``count`` lanes: none below zero, all from ``lanes`` on."""
        return self._masks.first(count)

    def both(self, mask: Value, condition: Value) -> Value:
        """The mask where one bit also holds."""
        return self._masks.both(mask, condition)

    def where(self, mask: Value, a: Value, b: Value) -> Value:
        """The lanes of a within the mask, and those of b outside: there, zero times infinity may have made a NaN."""
        return a if mask is None else self._masks.select(mask, a, b)

    def total(self, value: Value) -> Value:
        """The sum of the lanes, halves added until one is left."""
        half = self.lanes // 2
        while half:
            order = [lane ^ half for lane in range(self.lanes)]
            value = self.plus(value, self.shuffle(value, value, order))
            half //= 2
        return self.builder.extract_element(value, _I32(0))

    def shuffle(self, a: Value, b: Value, order: list[int]) -> Value:
        """The lanes of a and b, a's first, in this order."""
        return self.builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_I32, self.lanes), order))

    def add(self, a: Value, b: Value | int) -> Value:
        """An integer sum."""
        return self.builder.add(a, b if isinstance(b, ir.Value) else I64(b))

    def minus(self, a: Value, b: Value) -> Value:
        """An integer difference."""
        return self.builder.sub(a, b)

    def integer(self, value: int) -> Value:
        """A constant integer."""
        return I64(value)

    def next_line(self, address: Value, vectors: int) -> Value:
        """Past a line of ``vectors`` vectors."""
        return self.add(address, vectors * self.lanes * self.itemsize)

    def times(self, a: Value, b: Value | int) -> Value:
        """An integer product."""
        return self.builder.mul(a, b if isinstance(b, ir.Value) else I64(b))

    def least(self, a: Value, b: Value) -> Value:
        """The smaller integer."""
        return self.builder.select(self.less(a, b), a, b)

    def less(self, a: Value | int, b: Value) -> Value:
        """Whether the integer a is below b."""
        return self.builder.icmp_signed("<", a if isinstance(a, ir.Value) else I64(a), b)

    def repeat(
        self, count: Value, carried: list[Value], body: Callable[..., list[Value]], step: int = 1
    ) -> list[Value]:
        """``carried = body(number, *carried)`` for number = 0, step, ... below ``count``; the last is returned."""
        builder = self.builder
        before = builder.block
        head, inside, after = (builder.append_basic_block() for _ in range(3))
        builder.branch(head)
        builder.position_at_end(head)
        phis = [builder.phi(value.type) for value in (I64(0), *carried)]
        for phi, value in zip(phis, (I64(0), *carried), strict=True):
            phi.add_incoming(value, before)
        builder.cbranch(self.less(phis[0], count), inside, after)
        builder.position_at_end(inside)
        results = [self.add(phis[0], step), *body(*phis)]
        for phi, value in zip(phis, results, strict=True):
            phi.add_incoming(value, builder.block)
        builder.branch(head)
        builder.position_at_end(after)
        return phis[1:]

    def _pointer(self, address: Value, element: int, kind: ir.Type) -> Value:
        return self.builder.inttoptr(
            self.add(address, element * self.itemsize) if element else address, kind.as_pointer()
        )
