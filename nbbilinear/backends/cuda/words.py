"""Words of a device that Numba has not, for its compiler: loads without wraparound, and 16 bytes at a time.

They take arrays in shared memory and registers, and plain pointers, which is what kernels are launched with.
`simulated.py` has the same words in Python.
"""

from llvmlite import ir
from numba import types
from numba.cuda.extending import intrinsic

_INT = ir.IntType(32)
_BYTES = 16


def _address(context, builder, kind, array, index):
    """The address of an element of an array or of a pointer."""
    start = array if isinstance(kind, types.CPointer) else context.make_array(kind)(context, builder, array).data
    return builder.gep(start, [index])


def _sixteen(context, builder, kind, array, index):
    """The same as the address of as many elements as fit into 16 bytes, and how many those are."""
    address = _address(context, builder, kind, array, index)
    lanes = _BYTES * 8 // kind.dtype.bitwidth
    return builder.bitcast(address, ir.VectorType(address.type.pointee, lanes).as_pointer()), lanes


@intrinsic
def load(typing, array, index):
    """array[index]; Numba's own asks whether the index is negative, at every access."""

    def generate(context, builder, signature, arguments):
        return builder.load(_address(context, builder, signature.args[0], *arguments))

    return array.dtype(array, types.intp), generate


@intrinsic
def fma(typing, a, b, c):
    """A * b + c, rounded once."""

    def generate(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return a(a, a, a), generate


@intrinsic
def copy16(typing, target, place, source, index):
    """target[place : place + n] = source[index : index + n] for 16 bytes, which both must be aligned to."""

    def generate(context, builder, signature, arguments):
        to, place, source, index = arguments
        read, _ = _sixteen(context, builder, signature.args[2], source, index)
        write, _ = _sixteen(context, builder, signature.args[0], to, place)
        builder.store(builder.load(read, align=_BYTES), write, align=_BYTES)

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
                    element = builder.extract_element(vector, _INT(lane))
                    builder.store(element, _address(context, builder, signature.args[0], held, to))

        return types.void(registers, types.intp, source, types.intp), generate

    return word


read4 = _read(4)
read16 = _read()
