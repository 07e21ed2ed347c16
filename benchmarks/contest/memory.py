"""How much memory a call needs at its worst moment, beside operands and results: the same way for every library.

What the kernel counts as resident is all there is that every allocator reports to. It is exact to about a megabyte, and
blind to what a library took on an earlier call and keeps: packing buffers of a BLAS, stacks of threads, compiled code.
"""

import ctypes
import re
import threading
from pathlib import Path
from time import sleep

STATUS, MARK, STATM = Path("/proc/self/status"), Path("/proc/self/clear_refs"), Path("/proc/self/statm")
PAGE = 4096


def extra(call, nbytes):
    """What ``call`` returns, and the bytes by which the process grew beyond ``nbytes`` of that; None if unknown."""
    if not STATUS.exists():
        return call(), None
    _give_back()
    before = _status("VmRSS")
    try:
        MARK.write_text("5")  # VmHWM becomes VmRSS
    except OSError:
        result, peak = _watched(call)
    else:
        result = call()
        peak = _status("VmHWM")
    return result, max(0, peak - before - nbytes(result))


def _give_back():
    """Memory that an allocator holds, but nobody uses, would hide what a call needs."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _status(name):
    return int(re.search(rf"{name}:\s+(\d+) kB", STATUS.read_text())[1]) * 1024


def _watched(call):
    """The largest size that another thread saw, for kernels that refuse to mark."""
    seen, ended = [0], threading.Event()

    def watch():
        while not ended.is_set():
            seen.append(int(STATM.read_text().split()[1]) * PAGE)
            sleep(1e-3)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        result = call()
    finally:
        ended.set()
        watcher.join()
    return result, max(seen)
