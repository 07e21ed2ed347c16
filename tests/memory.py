"""What a call holds at its peak."""

import tracemalloc


def peak(call):
    call()  # plans, compiled code
    tracemalloc.start()
    try:
        result = call()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()
