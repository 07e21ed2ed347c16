"""Record what torch's layers, losses, Adagrad, schedules and clipping do, for the tests to compare with.

Run in an environment that has torch (2.13.0 on a processor recorded what lies here) and NumPy:

    python tests/golden/training/record.py

Every file is written beside this one. Inputs are stored too: the tests read them and draw nothing themselves.
"""

import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
STEPS = 40
ADAGRAD = {
    "adagrad_plain": {"lr": 0.1},
    "adagrad_all": {
        "lr": 0.1, "lr_decay": 0.05, "weight_decay": 0.1, "initial_accumulator_value": 0.3, "eps": 1e-3,
    },
}  # fmt: skip
RNG = np.random.default_rng


def layers(torch, dtype):
    """Activations on values up to 1e4 and on 0; a linear layer on three leading axes; gradients of each."""
    rng = RNG(0)
    x = rng.normal(size=(7, 5)) * 10.0 ** np.arange(-2, 5)[:, None]
    x[0, :2] = 0.0, -0.0
    given = {"x": x.astype(dtype), "g": rng.normal(size=(7, 5)).astype(dtype)}
    found = dict(given)
    kinds = {
        "ReLU": torch.nn.ReLU(), "Sigmoid": torch.nn.Sigmoid(), "Tanh": torch.nn.Tanh(),
        "Softmax": torch.nn.Softmax(dim=-1), "Softmax0": torch.nn.Softmax(dim=0),
    }  # fmt: skip
    for name, layer in kinds.items():
        leaf = torch.tensor(given["x"], requires_grad=True)
        y = layer(leaf)
        y.backward(torch.tensor(given["g"]))
        found |= {f"{name}_y": y.detach().numpy(), f"{name}_dx": leaf.grad.numpy()}
    linear = torch.nn.Linear(4, 3, dtype=getattr(torch, dtype))
    values = {"weight": rng.normal(size=(3, 4)), "bias": rng.normal(size=3)}
    linear.load_state_dict({name: torch.tensor(value) for name, value in values.items()})
    leaf = torch.tensor(rng.normal(size=(2, 3, 5, 4)).astype(dtype), requires_grad=True)
    g = rng.normal(size=(2, 3, 5, 3)).astype(dtype)
    y = linear(leaf)
    y.backward(torch.tensor(g))
    found |= {f"Linear_{name}": getattr(linear, name).detach().numpy() for name in values}
    found |= {f"Linear_d{name}": getattr(linear, name).grad.numpy() for name in values}
    return found | {
        "Linear_x": leaf.detach().numpy(), "Linear_dx": leaf.grad.numpy(), "Linear_y": y.detach().numpy(),
        "Linear_g": g,
    }  # fmt: skip


def losses(torch, dtype):
    """Each loss on scores up to 1e4, and the ranking loss on scores that meet the margin exactly."""
    rng, F = RNG(1), torch.nn.functional
    scores = (rng.normal(size=(6, 5)) * 10.0 ** np.arange(-1, 5)[:, None]).astype(dtype)
    soft, hard = rng.uniform(size=(6, 5)).astype(dtype), (rng.uniform(size=(6, 5)) < 0.5).astype(dtype)
    classes = rng.integers(0, 5, 6)
    other = scores + rng.normal(size=(6, 5)).astype(dtype)
    other[0], other[1] = scores[0], scores[1] - hard[1] * 2 + 1
    signs = 2 * hard - 1
    other[2] = scores[2] - signs[2] * 0.5
    calls = {
        "mse": (F.mse_loss, (scores, soft), {}),
        "binary_soft": (F.binary_cross_entropy_with_logits, (scores, soft), {}),
        "binary_hard": (F.binary_cross_entropy_with_logits, (scores, hard), {}),
        "binary_weight": (F.binary_cross_entropy_with_logits, (scores, soft), {"pos_weight": torch.tensor(3.5)}),
        "classes": (F.cross_entropy, (scores, classes), {}),
        "ranking": (F.margin_ranking_loss, (scores, other, signs), {}),
        "ranking_margin": (F.margin_ranking_loss, (scores, other, signs), {"margin": 0.5}),
    }
    found = {"scores": scores, "soft": soft, "hard": hard, "labels": classes, "other": other, "signs": signs}
    for name, (function, arrays, options) in calls.items():
        leaves = [torch.tensor(array, requires_grad=array.dtype == dtype) for array in arrays]
        value = function(*leaves, **options)
        value.backward()
        found |= {f"{name}_value": value.detach().numpy(), f"{name}_grad": leaves[0].grad.numpy()}
        if name.startswith("ranking"):
            found[f"{name}_grad2"] = leaves[1].grad.numpy()
    return found


def adagrad(torch, options):
    """A table and a vector given random gradients; the table's values after every step."""
    rng = RNG(2)
    starts = {"matrix": rng.normal(size=(4, 3)), "vector": rng.normal(size=3)}
    grads = {f"grad_{name}": rng.normal(size=(STEPS, *start.shape)) for name, start in starts.items()}
    parameters = {name: torch.nn.Parameter(torch.tensor(start)) for name, start in starts.items()}
    optimizer = torch.optim.Adagrad(parameters.values(), **options)
    after = {f"after_{name}": np.empty((STEPS, *start.shape)) for name, start in starts.items()}
    for step in range(STEPS):
        for name, parameter in parameters.items():
            parameter.grad = torch.tensor(grads[f"grad_{name}"][step])
        optimizer.step()
        for name, parameter in parameters.items():
            after[f"after_{name}"][step] = parameter.detach().numpy()
    return {"options": json.dumps(options), **{f"start_{name}": a for name, a in starts.items()}, **grads, **after}


def adagrad_rows(torch):
    """Sparse gradients, for which torch knows no weight decay."""
    rng = RNG(3)
    options = {"lr": 0.1, "lr_decay": 0.05, "initial_accumulator_value": 0.3, "eps": 1e-3}
    start, rows = rng.normal(size=(12, 3)), rng.integers(0, 10, size=(STEPS, 5))
    table = torch.nn.Parameter(torch.tensor(start))
    optimizer = torch.optim.Adagrad([table], **options)
    grads, after = np.zeros((STEPS, *start.shape)), np.empty((STEPS, *start.shape))
    for step in range(STEPS):
        values = rng.normal(size=(5, 3))
        np.add.at(grads[step], rows[step], values)
        table.grad = torch.sparse_coo_tensor(torch.tensor(rows[step])[None], torch.tensor(values), start.shape)
        optimizer.step()
        after[step] = table.detach().numpy()
    return {"options": json.dumps(options), "start": start, "rows": rows, "grads": grads, "after": after}


def schedules(torch):
    """Learning rates of 30 steps."""
    S = torch.optim.lr_scheduler
    makers = {
        "step": lambda o: S.StepLR(o, 7, 0.3),
        "cosine": lambda o: S.CosineAnnealingLR(o, 29, eta_min=0.05),
        "warmup": lambda o: S.LinearLR(o, 0.2, total_iters=8),
        "both": lambda o: S.SequentialLR(o, [S.LinearLR(o, 0.2, total_iters=8), S.CosineAnnealingLR(o, 21)], [8]),
    }
    found = {}
    for name, maker in makers.items():
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
        schedule, rates = maker(optimizer), []
        for _ in range(30):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        found[name] = np.array(rates)
    return found


def clipping(torch):
    """Three gradients by norm, above and below it, and by value."""
    rng, found = RNG(4), {}
    grads = [rng.normal(size=shape) * 3 for shape in ((4, 3), (5,), ())]
    found |= {f"grad{place}": g for place, g in enumerate(grads)}
    for name, limit in (("norm_1", 1.0), ("norm_100", 100.0), ("value_2", 2.0)):
        parameters = [torch.nn.Parameter(torch.zeros(g.shape, dtype=torch.float64)) for g in grads]
        for parameter, g in zip(parameters, grads, strict=True):
            parameter.grad = torch.tensor(g)
        if name.startswith("norm"):
            found[f"{name}_norm"] = torch.nn.utils.clip_grad_norm_(parameters, limit).numpy()
        else:
            torch.nn.utils.clip_grad_value_(parameters, limit)
        found |= {f"{name}_grad{place}": parameter.grad.numpy() for place, parameter in enumerate(parameters)}
    return found


def network(torch):
    """A small network in float64: state, and losses and state of twenty steps of clipped Adagrad on classes."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU()),
        torch.nn.Linear(5, 3),
    ).double()  # fmt: skip
    rng = RNG(5)
    x, labels = rng.normal(size=(10, 4)), rng.integers(0, 3, 10)
    found = {"x": x, "labels": labels, "repr": repr(model)}
    found |= {f"start_{name}": value.numpy().copy() for name, value in model.state_dict().items()}
    optimizer, values = torch.optim.Adagrad(model.parameters(), lr=0.1), []
    for _ in range(20):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(torch.tensor(x)), torch.tensor(labels))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        values.append(loss.item())
    return found | {"losses": np.array(values)} | {f"end_{k}": v.numpy() for k, v in model.state_dict().items()}


def main():
    """Write every file."""
    import torch

    torch.set_num_threads(1)
    files = {name: adagrad(torch, options) for name, options in ADAGRAD.items()}
    files |= {"adagrad_rows": adagrad_rows(torch), "schedules": schedules(torch), "clipping": clipping(torch)}
    files["network"] = network(torch)
    for dtype in ("float32", "float64"):
        files |= {f"layers_{dtype}": layers(torch, dtype), f"losses_{dtype}": losses(torch, dtype)}
    for name, arrays in files.items():
        np.savez_compressed(HERE / f"{name}.npz", torch=torch.__version__, **arrays)


if __name__ == "__main__":
    main()
