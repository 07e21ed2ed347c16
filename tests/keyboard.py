"""Ctrl-C for a process under test."""

import signal
import subprocess


def stopped(command, seen):
    """Run until a line of output for which ``seen`` holds, then Ctrl-C: exit code and stderr.

    A shell tells what it starts in the background to ignore Ctrl-C, and children inherit that: not these.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        assert any(map(seen, process.stdout))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    return process.returncode, errors
