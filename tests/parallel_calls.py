"""Calls that several threads share, for every kernel of the numba backend, and processes to make them in."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import nbbilinear as nbl
from nbbilinear.errors import BackendError

import cases

PLAIN_PYTHON = os.environ.get("NUMBA_DISABLE_JIT") == "1"
# Half a millisecond and more at 1e11 flop per second: several chunks for a fast kernel too. As plain Python, a second.
STRUCTURES = (
    (((60, 7), (60, 5), (4, 7, 5)), ((9, 1, 7), (1, 7, 5), (4, 7, 5)), ((3, 7), (3, 5), (4, 7, 5)))
    if PLAIN_PYTHON
    else (
        ((600, 33), (600, 29), (40, 33, 29)),
        ((90, 1, 33), (1, 70, 29), (40, 33, 29)),
        ((3, 133), (3, 129), (60, 133, 129)),
    )
)


def kernels():
    """The numba backend as a whole, and every kernel of it by name."""
    return ("numba", *(kernel for kernel in cases.kernels() if kernel.startswith("numba/")))


def operands(shapes):
    """x1, x2, weight, bias and the gradient of y."""
    rng = np.random.default_rng(0)
    x1, x2, weight = (rng.normal(size=shape) for shape in shapes)
    lead = np.broadcast_shapes(x1.shape[:-1], x2.shape[:-1])
    return [
        a.astype(np.float32)
        for a in (x1, x2, weight, rng.normal(size=len(weight)), rng.normal(size=(*lead, len(weight))))
    ]


def tiny(shapes):
    """The same with a few small rows, of which y and gradients are subnormal. A few: each such number takes 50 ns."""
    x1, x2, weight, bias, grad_output = operands(shapes)
    bias[:], step = 0, 30 if len(x1) > 60 else 2
    for x in (x1, x2):
        x.reshape(-1, x.shape[-1])[::step] *= 1e-22
    grad_output[:: 2 * step] *= 1e-22  # then dx1 is small in these
    grad_output[..., 0] *= 1e-22  # and dbias, the first of them
    grad_output[..., 0] *= 1e-22
    grad_output[..., 1] = 0  # and dweight, the second
    grad_output[(slice(step, None, 2 * step),) * (grad_output.ndim - 1) + (1,)] = 1
    return x1, x2, weight, bias, grad_output


PREPARED = {make: [make(shapes) for shapes in STRUCTURES] for make in (operands, tiny)}


def results(kernel, of=operands):
    """y and all gradients, of every structure that the kernel takes."""
    found = []
    for x1, x2, weight, bias, grad_output in PREPARED[of]:
        try:
            y = nbl.bilinear(x1, x2, weight, bias, backend=kernel)
        except BackendError:
            continue
        found += [y, *nbl.bilinear_backward(grad_output, x1, x2, weight, bias, backend=kernel)]
    assert found, f"{kernel} takes neither rows nor pairs"
    return found


def digest(kernel, of=operands):
    """The bits of :func:`results`."""
    bits = hashlib.sha256()
    for array in results(kernel, of):
        bits.update(array.tobytes())
    return bits.hexdigest()


def in_process(code, *arguments, seconds=120, **environment):
    """What a process of its own prints; it may import this module."""
    command = [sys.executable, "-W", "error", "-W", "ignore:This process", "-c", code, *map(str, arguments)]
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=seconds,
        env=os.environ | {"PYTHONPATH": path} | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr or done
    return done.stdout
