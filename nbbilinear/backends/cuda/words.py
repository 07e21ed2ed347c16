"""Words of a device that Numba has not, for its compiler: plain loads, 16 bytes at a time, tensor cores, half floats.

They take arrays in shared memory and registers, and plain pointers, which is what kernels are launched with.
`simulated.py` has the same words in Python.
"""

from llvmlite import ir
from numba import types
from numba.cuda.extending import intrinsic

_INT, _SHORT, _FLOAT = ir.IntType(32), ir.IntType(16), ir.FloatType()
_BYTES = 16
_FLOAT16, _BFLOAT16 = types.int16, types.uint16  # whose bits these stand for


def _address(context, builder, kind, array, index):
    """The address of an element of an array or of a pointer."""
    start = array if isinstance(kind, types.CPointer) else context.make_array(kind)(context, builder, array).data
    return builder.gep(start, [index])


def _sixteen(context, builder, kind, array, index):
    """The same as the address of as many elements as fit into 16 bytes, and how many those are."""
    address = _address(context, builder, kind, array, index)
    lanes = _BYTES * 8 // kind.dtype.bitwidth
    return builder.bitcast(address, ir.VectorType(address.type.pointee, lanes).as_pointer()), lanes


def _widened(builder, kind, bits):
    """A number that was loaded, to compute with."""
    if kind == _FLOAT16:
        return builder.fpext(builder.bitcast(bits, ir.HalfType()), _FLOAT)
    if kind == _BFLOAT16:
        return builder.bitcast(builder.shl(builder.zext(bits, _INT), _INT(16)), _FLOAT)
    return bits


def _rounded(builder, kind, value):
    """A number to be stored; ties go to even."""
    if kind == _FLOAT16:
        return builder.bitcast(builder.fptrunc(value, ir.HalfType()), _SHORT)
    if kind == _BFLOAT16:
        bits = builder.bitcast(value, _INT)
        odd = builder.and_(builder.lshr(bits, _INT(16)), _INT(1))
        upper = builder.lshr(builder.add(builder.add(bits, _INT(0x7FFF)), odd), _INT(16))
        return builder.trunc(builder.select(builder.fcmp_unordered("uno", value, value), _INT(0x7FFF), upper), _SHORT)
    return value


def _computed(kind):
    return types.float32 if kind in (_FLOAT16, _BFLOAT16) else kind


@intrinsic
def load(typing, array, index):
    """array[index], of half floats as float32; Numba's own asks whether the index is negative, at every access."""

    def generate(context, builder, signature, arguments):
        found = builder.load(_address(context, builder, signature.args[0], *arguments))
        return _widened(builder, signature.args[0].dtype, found)

    return _computed(array.dtype)(array, types.intp), generate


@intrinsic
def store(typing, array, index, value):
    """array[index] = value, rounded to half floats where it is an array of those."""

    def generate(context, builder, signature, arguments):
        array, index, value = arguments
        kind = signature.args[0]
        builder.store(_rounded(builder, kind.dtype, value), _address(context, builder, kind, array, index))

    return types.void(array, types.intp, _computed(array.dtype)), generate


@intrinsic
def fma(typing, a, b, c):
    """A * b + c, rounded once."""

    def generate(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return a(a, a, a), generate


@intrinsic
def copy16(typing, target, place, source, index):
    """target[place : place + n] = source[index : index + n] for 16 bytes of source, which both must be aligned to."""

    def generate(context, builder, signature, arguments):
        to, place, source, index = arguments
        kind, target = signature.args[2], signature.args[0]
        read, lanes = _sixteen(context, builder, kind, source, index)
        vector = builder.load(read, align=_BYTES)
        _, across = _sixteen(context, builder, target, to, place)
        for start in range(0, lanes, across):
            piece = vector
            if kind.dtype != target.dtype:
                piece = ir.Constant(ir.VectorType(_FLOAT, across), ir.Undefined)
                for lane in range(across):
                    element = _widened(builder, kind.dtype, builder.extract_element(vector, _INT(start + lane)))
                    piece = builder.insert_element(piece, element, _INT(lane))
            at = builder.add(place, ir.Constant(place.type, start))
            write, _ = _sixteen(context, builder, target, to, at)
            builder.store(piece, write, align=_BYTES)

    return types.void(target, types.intp, source, types.intp), generate


def _read(count=None):
    """A word that loads registers[place : place + n] = source[index : index + n] in vectors of 16 bytes.

    n is ``count``, or as many as make one vector.
    """

    @intrinsic
    def word(typing, registers, place, source, index):
        def generate(context, builder, signature, arguments):
            held, place, source, index = arguments
            lanes = _BYTES * 8 // signature.args[2].dtype.bitwidth
            for start in range(0, count or lanes, lanes):
                at = builder.add(index, ir.Constant(index.type, start))
                read, _ = _sixteen(context, builder, signature.args[2], source, at)
                vector = builder.load(read, align=_BYTES)
                for lane in range(lanes):
                    to = builder.add(place, ir.Constant(place.type, start + lane))
                    element = _widened(builder, signature.args[2].dtype, builder.extract_element(vector, _INT(lane)))
                    builder.store(element, _address(context, builder, signature.args[0], held, to))

        return types.void(registers, types.intp, source, types.intp), generate

    return word


read4 = _read(4)
read16 = _read()


@intrinsic
def tf32(typing, x):
    """The nearest number of 11 bits, which tensor cores multiply."""

    def generate(context, builder, signature, arguments):
        word = ir.InlineAsm(ir.FunctionType(_INT, [_FLOAT]), "cvt.rna.tf32.f32 $0, $1;", "=r,f")
        return builder.bitcast(builder.call(word, arguments), _FLOAT)

    return types.float32(types.float32), generate


@intrinsic
def mma(typing, a0, a1, a2, a3, b0, b1, c0, c1, c2, c3):
    """A product of 16 by 8 with 8 by 8 numbers that a warp holds together, added to c: four sums for every thread.

    Lane 4 g + q has of a [g, q], [g + 8, q], [g, q + 4] and [g + 8, q + 4], of b [q, g] and [q + 4, g], and of c rows g
    and g + 8 in columns 2 q and 2 q + 1: PTX, mma.m16n8k8.
    """

    def generate(context, builder, signature, arguments):
        factors = [builder.bitcast(number, _INT) for number in arguments[:6]]
        word = ir.InlineAsm(
            ir.FunctionType(ir.LiteralStructType([_FLOAT] * 4), [_INT] * 6 + [_FLOAT] * 4),
            "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
            "{$0,$1,$2,$3}, {$4,$5,$6,$7}, {$8,$9}, {$10,$11,$12,$13};",
            "=f,=f,=f,=f,r,r,r,r,r,r,f,f,f,f",
        )
        found = builder.call(word, [*factors, *arguments[6:]])
        sums = [builder.extract_value(found, n) for n in range(4)]
        return context.make_tuple(builder, signature.return_type, sums)

    return types.UniTuple(types.float32, 4)(*[types.float32] * 10), generate
