"""tinyBIG's head in PyTorch, in the order and with the intermediate arrays of its release 0.2.1, mended to run.

Every weight is made in full, rows are transformed for every channel anew, and the softmax runs down columns.
"""

import torch


def fabricated(w, rows, columns, weight):
    """A weight (rows, columns) of a vector, by a part's config."""
    if weight["kind"] == "full":
        return w.view(rows, columns)
    rank = weight["rank"]
    if weight["kind"] == "low_rank":
        a, b = w.split([rows * rank, rank * columns])
        return a.view(rows, rank) @ b.view(rank, columns)
    p, q = weight["p"], weight["q"]
    s, t = rows // p, columns // q
    first, second, third, fourth = w.split([p * rank, rank * q, s * rank, rank * t])
    u, v = first.view(p, rank) @ second.view(rank, q), third.view(s, rank) @ fourth.view(rank, t)
    if weight["layout"] == "kronecker":
        return torch.einsum("pq,st->psqt", u, v).reshape(rows, columns)
    return torch.einsum("a,c->ac", u.reshape(-1), v.reshape(-1)).reshape(rows, columns)


def taylor(x, degree):
    """All products of features up to a degree."""
    power, powers = torch.ones(len(x), 1, dtype=x.dtype), []
    for _ in range(degree):
        power = torch.einsum("ba,bm->bam", power, x).reshape(len(x), -1)
        powers.append(power.clone())
    return torch.cat(powers, dim=1)


class Head(torch.nn.Module):
    """The head that a head of the library stands for, with its parameters."""

    def __init__(self, head):
        super().__init__()
        self.parts = head.attention
        self.channels, self.m, self.n = head.channel_num, head.m, head.n
        self.relevant = {name: torch.nn.Parameter(torch.from_numpy(a)) for name, a in head.state_dict().items()}
        self.held = torch.nn.ParameterList(self.relevant.values())
        processed = [type(layer).__name__ for layer in head.outputs.values()]
        self.norm = torch.nn.BatchNorm1d(self.n).to(self.held[0].dtype) if "BatchNorm" in processed else None
        self.relu, self.softmax = "ReLU" in processed, "Softmax" in processed

    def forward(self, x):
        """As the released code computes it."""
        width = self.parts.transform.width(self.m)
        related = _config(self.parts.interdependence, self.m, self.m)
        reconciled = _config(self.parts.reconciliation, self.n, width)
        fused = []
        for c in range(self.channels):
            k = x if self.parts.transform.as_is else taylor(x, self.parts.transform.degree)
            w = fabricated(self.relevant["w_instance_interdependence"][c], self.m, self.m, related)
            scores = self.parts.scale * (x @ (w @ x.T))
            zeros = scores == 0
            r = torch.softmax(scores.masked_fill(zeros, -1e9), dim=0).masked_fill(zeros, 0.0)
            psi = fabricated(self.relevant["w"][c], self.n, width, reconciled)
            fused.append(torch.nn.functional.linear(r.T @ k, psi, self.relevant.get("b")))
        y = torch.stack(fused).mean(dim=0) if self.channels > 1 else fused[0]
        if "w_remainder" in self.relevant:
            y = y + x @ self.relevant["w_remainder"].T
        y = self.norm(y) if self.norm else y
        y = torch.relu(y) if self.relu else y
        return torch.softmax(y, dim=-1) if self.softmax else y


def _config(weight, rows, columns):
    """The options of a weight, p and q filled in."""
    config = weight.config()
    return config | dict(zip("pq", weight.shapes(rows, columns), strict=False)) if "layout" in config else config


def prepare(head, x, grad_output):
    """Forward, and forward with the gradients of x and all parameters."""
    torch.set_num_threads(1)
    module, fixed, g = Head(head), torch.from_numpy(x), torch.from_numpy(grad_output)
    trained = fixed.clone().requires_grad_()
    wanted = [trained, *module.held, *(module.norm.parameters() if module.norm else ())]

    def forward():
        with torch.inference_mode():
            return module(fixed)

    def both():
        y = module(trained)
        used = [one for one in wanted if one.requires_grad]
        return y.detach(), *torch.autograd.grad(y, used, g, allow_unused=True)

    return forward, both
