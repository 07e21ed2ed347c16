"""Record what torch's optimisers, bilinear layer and cross-entropy do, for the tests to compare with.

Run in an environment that has torch (2.13.0 on a processor recorded what lies here) and NumPy:

    python tests/golden/optim/record.py

Every file is written beside this one. Inputs are stored too: the tests read them and draw nothing themselves.
"""

import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
STEPS = 50
SNAPSHOTS = [1, 2, 5, 10, 20, 30, 40, 50]
OPTIMIZERS = {
    "sgd_plain": ("SGD", {"lr": 0.1}),
    "sgd_momentum": ("SGD", {"lr": 0.05, "momentum": 0.9}),
    "sgd_nesterov": ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    "sgd_weight_decay": ("SGD", {"lr": 0.05, "momentum": 0.8, "weight_decay": 0.1}),
    "sgd_dampening": ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3}),
    "adam_plain": ("Adam", {"lr": 0.05}),
    "adam_weight_decay": ("Adam", {"lr": 0.05, "betas": [0.8, 0.95], "eps": 1e-3, "weight_decay": 0.1}),
}
LAYERS = {"layer_sgd": ("SGD", {"lr": 0.5, "momentum": 0.9}), "layer_adam": ("Adam", {"lr": 0.02})}


def dense(torch, kind, options):
    """Two parameters, one of them a vector, given random gradients; their values after every step."""
    rng = np.random.default_rng(0)
    starts = {"matrix": rng.normal(size=(4, 3)), "vector": rng.normal(size=3)}
    grads = {f"grad_{name}": rng.normal(size=(STEPS, *start.shape)) for name, start in starts.items()}
    parameters = {name: torch.nn.Parameter(torch.tensor(start)) for name, start in starts.items()}
    optimizer = getattr(torch.optim, kind)(parameters.values(), **options)
    after = {f"after_{name}": np.empty((STEPS, *start.shape)) for name, start in starts.items()}
    for step in range(STEPS):
        for name, parameter in parameters.items():
            parameter.grad = torch.tensor(grads[f"grad_{name}"][step])
        optimizer.step()
        for name, parameter in parameters.items():
            after[f"after_{name}"][step] = parameter.detach().numpy()
    return {f"start_{name}": start for name, start in starts.items()} | grads | after


def rows_only(torch, options, weight_decay):
    """SparseAdam on a table; repeated rows, steps without rows, and rows never touched.

    SparseAdam has no weight decay: the gradient of the recorded step is given with ``weight_decay * p[rows]`` added,
    and stored without.
    """
    rng = np.random.default_rng(1)
    start = rng.normal(size=(12, 3))
    rows = rng.integers(0, 10, size=(STEPS, 5))
    rows[7] = 3
    table = torch.nn.Parameter(torch.tensor(start))
    optimizer = torch.optim.SparseAdam([table], **options)
    grads, after = np.zeros((STEPS, *start.shape)), np.empty((STEPS, *start.shape))
    for step in range(STEPS):
        values = rng.normal(size=(rows.shape[1], 3))
        np.add.at(grads[step], rows[step], values)
        unique = np.unique(rows[step])
        decay = weight_decay * table.detach()[unique]
        indices = torch.tensor(np.concatenate([rows[step], unique]))[None]
        table.grad = torch.sparse_coo_tensor(indices, torch.cat([torch.tensor(values), decay]), start.shape)
        optimizer.step()
        after[step] = table.detach().numpy()
    return {"start": start, "rows": rows, "grads": grads, "after": after}


def layer(torch, kind, options):
    """A bilinear layer trained on cross-entropy, in both precisions from the same values."""
    rng = np.random.default_rng(2)
    bound = 1 / np.sqrt(3)
    start = {"weight": rng.uniform(-bound, bound, (5, 3, 4)), "bias": rng.uniform(-bound, bound, 5)}
    data = {"x1": rng.normal(size=(8, 3)), "x2": rng.normal(size=(8, 4)), "targets": rng.dirichlet(np.ones(5), 8)}
    given = {name: array.astype(np.float32) for name, array in (start | data).items()}
    recorded = dict(given)
    for dtype in ("float64", "float32"):
        model = torch.nn.Bilinear(3, 4, 5, dtype=getattr(torch, dtype))
        model.load_state_dict({name: torch.tensor(given[name].astype(dtype)) for name in start})
        optimizer = getattr(torch.optim, kind)(model.parameters(), **options)
        x1, x2, targets = (torch.tensor(given[name].astype(dtype)) for name in data)
        x1.requires_grad_()
        x2.requires_grad_()
        losses, after = [], {"weight": [], "bias": []}
        for step in range(1, STEPS + 1):
            optimizer.zero_grad()
            x1.grad = x2.grad = None
            loss = torch.nn.functional.cross_entropy(model(x1, x2), targets)
            loss.backward()
            if step == 1:
                recorded |= {f"dx1_{dtype}": x1.grad.numpy(), f"dx2_{dtype}": x2.grad.numpy()}
            optimizer.step()
            losses.append(loss.item())
            if step in SNAPSHOTS:
                for name, values in after.items():
                    values.append(getattr(model, name).detach().numpy().copy())
        recorded[f"losses_{dtype}"] = np.array(losses, dtype)
        recorded |= {f"after_{name}_{dtype}": np.array(values) for name, values in after.items()}
    return recorded | {"snapshots": np.array(SNAPSHOTS)}


def cross_entropy(torch, dtype):
    """Scores up to 1e4, hard and soft targets, rows that do not sum to one."""
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(6, 5)) * 10.0 ** np.arange(-1, 5)[:, None]
    targets = rng.dirichlet(np.ones(5), 6)
    targets[1] = np.eye(5)[2]
    targets[2] *= 3
    scores, targets = scores.astype(dtype), targets.astype(dtype)
    leaf = torch.tensor(scores, requires_grad=True)
    value = torch.nn.functional.cross_entropy(leaf, torch.tensor(targets))
    value.backward()
    return {"scores": scores, "targets": targets, "value": value.detach().numpy(), "grad": leaf.grad.numpy()}


def main():
    """Write every file."""
    import torch

    torch.set_num_threads(1)
    files = {}
    for name, (kind, options) in OPTIMIZERS.items():
        files[name] = {"kind": kind, "options": json.dumps(options), **dense(torch, kind, options)}
    for name, (kind, options) in LAYERS.items():
        files[name] = {"kind": kind, "options": json.dumps(options), **layer(torch, kind, options)}
    options = {"lr": 0.05, "betas": [0.8, 0.95], "eps": 1e-3}  # an eps this large tells where it is added
    for name, decay in (("rows_adam_plain", 0.0), ("rows_adam_weight_decay", 0.1)):
        record = rows_only(torch, options, decay)
        files[name] = {"kind": "Adam", "options": json.dumps(options | {"weight_decay": decay}), **record}
    for dtype in ("float32", "float64"):
        files[f"cross_entropy_{dtype}"] = cross_entropy(torch, dtype)
    for name, arrays in files.items():
        np.savez_compressed(HERE / f"{name}.npz", torch=torch.__version__, **arrays)


if __name__ == "__main__":
    main()
