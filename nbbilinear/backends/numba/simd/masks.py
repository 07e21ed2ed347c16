"""Masks: the first few lanes of a vector, and loads and stores of those alone.

AVX and AVX-512 have masked loads and stores. NEON, whose vectors are of 16 bytes, has none: LLVM writes a branch for
every lane. There a mask is an integer, and one branch chooses a plain load or store where it holds all lanes, as all
vectors of a line but its last do.
"""

from typing import Any

from llvmlite import ir

_I64, _I32, _BIT = ir.IntType(64), ir.IntType(32), ir.IntType(1)
NEON_BYTES = 16
Value = Any


class Masks:
    """Masks for vectors of ``kind``, as LLVM's masked loads and stores take them; ``name`` is the type's in LLVM."""

    def __init__(self, builder: ir.IRBuilder, kind: ir.VectorType, name: str, itemsize: int) -> None:
        self.builder, self.kind, self.lanes, self.align = builder, kind, kind.count, itemsize
        self._name, self._bits, self._vector = name, ir.IntType(kind.count), ir.VectorType(_BIT, kind.count)

    def first(self, count: Value) -> Value:
        """The mask of the first ``count`` lanes: none below zero, all from ``lanes`` on.

        As bits of an integer it stays in a mask register; compared with lane numbers, it is made anew in every turn.
        """
        return self.builder.bitcast(self._first_bits(count), self._vector)

    def both(self, mask: Value, condition: Value) -> Value:
        """The mask where one bit also holds."""
        nothing = ir.Constant(self._vector, ir.Undefined)
        one = self.builder.insert_element(nothing, condition, _I32(0))
        order = ir.Constant(ir.VectorType(_I32, self.lanes), [0] * self.lanes)
        return self.builder.and_(mask, self.builder.shuffle_vector(one, nothing, order))

    def select(self, mask: Value, a: Value, b: Value) -> Value:
        """The lanes of a within the mask, and those of b outside."""
        return self.builder.select(mask, a, b)

    def load(self, where: Value, mask: Value) -> Value:
        """A vector; lanes outside are zero and their memory is not touched."""
        zero = ir.Constant(self.kind, [0.0] * self.lanes)
        kinds = [where.type, _I32, self._vector, self.kind]
        return call(self.builder, f"llvm.masked.load.{self._name}.p0", self.kind, kinds, where, self._align, mask, zero)

    def store(self, value: Value, where: Value, mask: Value) -> None:
        """Write a vector; memory of lanes outside is not touched."""
        kinds = [self.kind, where.type, _I32, self._vector]
        name = f"llvm.masked.store.{self._name}.p0"
        call(self.builder, name, ir.VoidType(), kinds, value, where, self._align, mask)

    @property
    def _align(self) -> Value:
        return _I32(self.align)

    def _first_bits(self, count: Value) -> Value:
        builder = self.builder
        some = builder.select(builder.icmp_signed("<", _I64(0), count), count, _I64(0))
        some = builder.select(builder.icmp_signed("<", some, _I64(self.lanes)), some, _I64(self.lanes))
        bits = builder.sub(builder.shl(_I64(1), some), _I64(1))
        return builder.trunc(bits, self._bits)


class Branches(Masks):
    """Masks as integers, for a machine without masked instructions."""

    def first(self, count: Value) -> Value:
        """The mask of the first ``count`` lanes; where that is known beforehand, there is nothing to compute."""
        if isinstance(count, ir.Constant):
            return self._bits((1 << max(0, min(self.lanes, count.constant))) - 1)
        return self._first_bits(count)

    def both(self, mask: Value, condition: Value) -> Value:
        """The mask where one bit also holds."""
        return self.builder.select(condition, mask, self._bits(0))

    def select(self, mask: Value, a: Value, b: Value) -> Value:
        """The lanes of a within the mask, and those of b outside."""
        return super().select(self.builder.bitcast(mask, self._vector), a, b)

    def load(self, where: Value, mask: Value) -> Value:
        """A vector; lanes outside are zero and their memory is not touched."""
        if self._all(mask):
            return self.builder.load(where, align=self.align)
        with self.builder.if_else(self._whole(mask), likely=True) as (whole, some):
            with whole:
                every, from_whole = self.builder.load(where, align=self.align), self.builder.block
            with some:
                few, from_some = super().load(where, self.builder.bitcast(mask, self._vector)), self.builder.block
        value = self.builder.phi(self.kind)
        value.add_incoming(every, from_whole)
        value.add_incoming(few, from_some)
        return value

    def store(self, value: Value, where: Value, mask: Value) -> None:
        """Write a vector; memory of lanes outside is not touched."""
        if self._all(mask):
            self.builder.store(value, where, align=self.align)
            return
        with self.builder.if_else(self._whole(mask), likely=True) as (whole, some):
            with whole:
                self.builder.store(value, where, align=self.align)
            with some:
                super().store(value, where, self.builder.bitcast(mask, self._vector))

    def _all(self, mask: Value) -> bool:
        return isinstance(mask, ir.Constant) and bool(mask.constant == self._every)

    def _whole(self, mask: Value) -> Value:
        return self.builder.icmp_unsigned("==", mask, self._bits(self._every))

    @property
    def _every(self) -> int:
        return int((1 << self.lanes) - 1)


def masks(builder: ir.IRBuilder, kind: ir.VectorType, name: str, itemsize: int) -> Masks:
    """The masks for vectors of this kind."""
    some = Branches if kind.count * itemsize == NEON_BYTES else Masks
    return some(builder, kind, name, itemsize)


def call(builder: ir.IRBuilder, name: str, result: ir.Type, kinds: list[ir.Type], *operands: Value) -> Value:
    """Call one of LLVM's own functions."""
    module = builder.module
    function = module.globals.get(name) or ir.Function(module, ir.FunctionType(result, kinds), name)
    return builder.call(function, operands)
