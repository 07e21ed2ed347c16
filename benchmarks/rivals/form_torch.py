"""torch by hand: the same programs, forward in inference mode, backward by autograd."""

import numpy as np
import torch

from .form_numpy import OWN
from .form_programs import PROGRAMS, form_name


def _sparse(_, x1, x2, values, k, i, j, outputs):
    return x1.new_zeros(len(x1), outputs).index_add(1, k, x1[:, i] * x2[:, j] * values), None


FORWARD = {name: program.forward for name, program in PROGRAMS.items()} | {"sparse": _sparse}


def prepare(_, operands, grad_output):
    """Forward, and forward with backward."""
    form = operands["weight"]
    program, function = (PROGRAMS | OWN)[form_name(form)], FORWARD[form_name(form)]
    given = (operands["x1"], operands["x2"], *program.arrange(form))
    tensors = [torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in given]
    learned = [isinstance(a, torch.Tensor) and a.is_floating_point() for a in tensors]
    trained = [a.detach().requires_grad_() if learns else a for a, learns in zip(tensors, learned, strict=True)]
    wanted = [a for a, learns in zip(trained, learned, strict=True) if learns]
    grad_output = torch.from_numpy(grad_output)

    def forward():
        with torch.inference_mode():
            return function(torch, *tensors)[0]

    def both():
        y = function(torch, *trained)[0]
        dx1, dx2, *gradients = torch.autograd.grad(y, wanted, grad_output)
        return y.detach(), dx1, dx2, *program.settle(form, *(a.numpy() for a in gradients))

    return forward, both
