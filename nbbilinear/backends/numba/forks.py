"""What a fork leaves behind: the child has one thread, and a lock that another thread held stays locked for ever.

So the compilers' locks are taken before a fork, which waits for a compilation that is under way, and given back after
it on both sides. Without that, ten of ten children of a process that was compiling never came back from compiling
something themselves.
"""

import os
from collections.abc import Callable

from llvmlite.binding import ffi
from numba.core.compiler_lock import global_compiler_lock


def prepare(*renew: Callable[[], None]) -> None:
    """From now on hold the compilers' locks across every fork, and call ``renew`` in every child."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_release)
        for each in renew:
            os.register_at_fork(after_in_child=each)


_LLVM = getattr(ffi.lib, "_lock", None)  # held around each call into LLVM, by garbage collection too


def _hold() -> None:
    global_compiler_lock.acquire()
    if _LLVM is not None:
        _LLVM.__enter__()


def _release() -> None:
    if _LLVM is not None:
        _LLVM.__exit__(None, None, None)
    global_compiler_lock.release()
