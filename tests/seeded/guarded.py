"""Guard pages around every array of NumPy: a load or store beyond its end ends the process.

An array ends where a page begins that may not be touched. Before it stands its size, twice; what comes before that is
filled with a pattern. Both are looked at when the array is freed, and a change aborts. New memory is all ones: NaN.
The allocator is machine code (NEP 49), so any test runs under it as it is.
"""

import ctypes
import mmap

import numba
import numpy as np

SET_HANDLER = 304  # PyDataMem_SetHandler in NumPy's table of C functions, since 1.22
PATTERN = 0xA5
HEADER = 16  # bytes
PAGE = mmap.PAGESIZE
READ_WRITE, PRIVATE_ANONYMOUS = 3, 0x22

_libc = ctypes.CDLL(None)


def _from_libc(name, result, *operands):
    found = getattr(_libc, name)
    found.restype, found.argtypes = result, operands
    return found


_SIZE, _INT = ctypes.c_size_t, ctypes.c_int
_map = _from_libc("mmap", _SIZE, _SIZE, _SIZE, _INT, _INT, _INT, ctypes.c_ssize_t)
_protect = _from_libc("mprotect", _INT, _SIZE, _SIZE, _INT)
_unmap = _from_libc("munmap", _INT, _SIZE, _SIZE)
_fill = _from_libc("memset", _SIZE, _SIZE, _INT, _SIZE)
_copy = _from_libc("memcpy", _SIZE, _SIZE, _SIZE, _SIZE)
_abort = _from_libc("abort", None)
_loops = numba.njit(error_model="numpy")


@numba.extending.intrinsic
def _bytes(context, address):
    """The bytes at an address, to be read and written."""
    pointer = numba.types.CPointer(numba.uint8)

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(pointer))

    return pointer(numba.uint64), generate


@_loops
def _length(size):
    """Bytes of the pages of an array, without the last."""
    return (numba.uint64(size) + numba.uint64(HEADER + PAGE - 1)) // numba.uint64(PAGE) * numba.uint64(PAGE)


@_loops
def _new(size, byte):
    size = numba.uint64(max(1, size))
    length = _length(size)
    begin = numba.uint64(_map(0, length + numba.uint64(PAGE), READ_WRITE, PRIVATE_ANONYMOUS, -1, 0))
    if begin == numba.uint64(0xFFFFFFFFFFFFFFFF):
        return numba.uint64(0)
    _protect(begin + length, PAGE, 0)
    address = begin + length - size
    _fill(begin, PATTERN, address - begin)
    if byte:
        _fill(address, byte, size)
    header = _bytes(address - numba.uint64(HEADER))
    for place in range(8):  # byte by byte: an array of single bytes may begin anywhere
        header[place] = header[place + 8] = (size >> numba.uint64(8 * place)) & numba.uint64(0xFF)
    return address


@_loops
def _size_of(address):
    header, size = _bytes(numba.uint64(address) - numba.uint64(HEADER)), numba.uint64(0)
    for place in range(8):
        if header[place] != header[place + 8]:
            _abort()
        size |= numba.uint64(header[place]) << numba.uint64(8 * place)
    return size


@_loops
def _drop(address):
    size = _size_of(address)
    length = _length(size)
    begin = numba.uint64(address) + size - length
    before = _bytes(begin)
    for place in range(numba.uint64(address) - begin - numba.uint64(HEADER)):
        if before[place] != PATTERN:
            _abort()
    _unmap(begin, length + numba.uint64(PAGE))


@numba.cfunc("uint64(uint64, uint64)")
def _malloc(_, size):
    return _new(size, 0xFF)


@numba.cfunc("uint64(uint64, uint64, uint64)")
def _calloc(_, count, size):
    return _new(count * size, 0)


@numba.cfunc("uint64(uint64, uint64, uint64)")
def _realloc(_, address, size):
    fresh = _new(size, 0xFF)
    if fresh and address:
        _copy(fresh, address, min(_size_of(address), size))
        _drop(address)
    return fresh


@numba.cfunc("void(uint64, uint64, uint64)")
def _free(_, address, size):
    if address:
        _drop(address)


class _Allocator(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("context", "malloc", "calloc", "realloc", "free")]


class _Handler(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char * 127), ("version", ctypes.c_uint8), ("allocator", _Allocator)]


_HANDLER = _Handler(b"guarded", 1, _Allocator(0, _malloc.address, _calloc.address, _realloc.address, _free.address))


def guard():
    """From now on, in this thread, every new array has guards."""
    python = ctypes.pythonapi
    python.PyCapsule_GetPointer.restype = ctypes.c_void_p
    python.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    python.PyCapsule_New.restype = ctypes.py_object
    python.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    table = python.PyCapsule_GetPointer(np._core._multiarray_umath._ARRAY_API, None)
    address = ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))[SET_HANDLER]
    handler = python.PyCapsule_New(ctypes.addressof(_HANDLER), b"mem_handler", None)
    ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(address)(handler)
