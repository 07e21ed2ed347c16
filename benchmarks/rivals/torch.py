"""PyTorch on the CPU: forward in inference mode, backward by autograd."""

import torch


def layer(x1, x2, weight, bias):
    """What torch.nn.Bilinear calls."""
    return torch.nn.functional.bilinear(x1, x2, weight, bias)


def left(x1, x2, weight, bias):
    """x1 W[k] for all k, then x2."""
    return torch.einsum("kbj,bj->bk", torch.matmul(x1, weight), x2) + bias


def outer(x1, x2, weight, bias):
    """x1 outer x2, then one product with all W."""
    products = (x1[:, :, None] * x2[:, None, :]).flatten(1)
    return torch.addmm(bias, products, weight.flatten(1).T)


def pairs(x1, x2, weight, bias):
    """SuPar's biaffine scores, with the outputs as the last axis."""
    return torch.einsum("bxi,oij,byj->boxy", x1, weight, x2).permute(0, 2, 3, 1) + bias


def gathered(x1, x2, weight, index):
    """A weight for every row, gathered."""
    return torch.bmm(torch.bmm(x1[:, None], weight[index]), x2[:, :, None]).flatten()


def per_relation(x1, x2, weight, index):
    """By relation. unbind, since the gradient of weight[r] would fill all of W each time."""
    y = x1.new_empty(len(x1))
    for relation, matrix in enumerate(weight.unbind()):
        rows = index == relation
        y[rows] = ((x1[rows] @ matrix) * x2[rows]).sum(1)
    return y


def all_gathered(x1, x2, weight, index):
    """Every row, through its gathered weight, against all x2."""
    return torch.bmm(x1[:, None], weight[index])[:, 0] @ x2.T


def quadratic(x, weight, bias):
    """For each A."""
    return torch.stack([(x @ A * x).sum(1) for A in weight], 1) + bias


def prepare(form, operands, grad_output):
    """Forward, and forward with backward."""
    function = globals()[form]
    tensors = [torch.from_numpy(array) for array in operands.values()]
    trained = [tensor.detach().requires_grad_() if tensor.is_floating_point() else tensor for tensor in tensors]
    wanted = [tensor for tensor in trained if tensor.requires_grad]
    grad_output = torch.from_numpy(grad_output)

    def forward():
        with torch.inference_mode():
            return function(*tensors)

    def both():
        y = function(*trained)
        return y.detach(), *torch.autograd.grad(y, wanted, grad_output)

    return forward, both
