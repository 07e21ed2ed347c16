"""Change lines of the library in a process that runs: the functions they are in get the code of the changed source.

Nothing is imported again, so tests and library keep their functions and classes. What was computed or compiled from the
old code is dropped: caches, and compiled loops with all that call them.
"""

import functools
import gc
import importlib
import inspect
from types import CodeType, FunctionType, ModuleType

from numba.core.dispatcher import Dispatcher

LIBRARY = "nbbilinear"
KEPT = ("_engine", "_compiler_of")  # machine code by its text: some of it may be running


class NotInstalledError(Exception):
    """The bug is not in the library: its line is gone, or no function has changed."""


def change(place, line, instead):
    """Put ``instead`` in place of a line, wherever it stands in a module of the library."""
    module = importlib.import_module(f"{LIBRARY}.{place}")
    source = inspect.getsource(module)
    if line not in source:
        raise NotInstalledError("the source has changed: change the bug with it")
    old, new = (_codes(text, module.__file__) for text in (source, source.replace(line, instead)))
    changed = {code: new[name] for name, code in old.items() if name in new and not _alike(code, new[name])}
    users = [
        one
        for one in gc.get_objects()
        if type(one) is FunctionType
        and one.__globals__ is vars(module)
        and one.__code__ in changed
        # a function inside another may have other free variables now: it will be made anew
        and len(one.__code__.co_freevars) == len(changed[one.__code__].co_freevars)
    ]
    if not users:
        raise NotInstalledError("no function has changed")
    for user in users:
        user.__code__ = changed[user.__code__]
    forget(users)


def forget(functions=()):
    """Drop what was cached, and what was compiled from these functions or from loops that call them."""
    for one in gc.get_objects():
        if (
            type(one) is functools._lru_cache_wrapper
            and one.__module__.startswith(LIBRARY)
            and one.__name__ not in KEPT
        ):
            one.cache_clear()
    loops = [one for one in gc.get_objects() if isinstance(one, Dispatcher) and one.__module__.startswith(LIBRARY)]
    stale = {id(one) for one in functions}
    while more := [one for one in loops if id(one) not in stale and (id(one.py_func) in stale or _uses(one, stale))]:
        stale |= {id(one) for one in more}
    for one in loops:
        if id(one) in stale:
            one._make_finalizer()()  # as Numba's own recompile() does, but compiled again when it is called
            one._reset_overloads()


def _ours(kind):
    """All objects of a kind that the library made."""
    return [one for one in gc.get_objects() if isinstance(one, kind) and one.__module__.startswith(LIBRARY)]


def _codes(text, file):
    """The code of every function in a source, by name and by how many of that name come before."""
    found, left = {}, [compile(text, file, "exec", dont_inherit=True)]
    while left:
        code = left.pop()
        number = sum(name == code.co_qualname for name, _ in found)
        found[code.co_qualname, number] = code
        left += [one for one in code.co_consts if isinstance(one, CodeType)][::-1]
    return found


def _alike(one, other):
    """Whether two codes do the same, on whatever lines they stand."""
    if not isinstance(one, CodeType) or not isinstance(other, CodeType):
        return type(one) is type(other) and repr(one) == repr(other)
    parts = ("co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_exceptiontable")
    return (
        all(getattr(one, part) == getattr(other, part) for part in parts)
        and len(one.co_consts) == len(other.co_consts)
        and all(map(_alike, one.co_consts, other.co_consts))
    )


def _uses(loop, some):
    """Whether compiled loops call one of these by name, of their own module or of another."""
    return any(id(one) in some for one in _named(loop.py_func.__code__, loop.py_func.__globals__))


def _named(code, names):
    for name in code.co_names:
        one = names.get(name)
        yield one
        if isinstance(one, ModuleType):
            yield from (vars(one).get(other) for other in code.co_names)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _named(inner, names)
