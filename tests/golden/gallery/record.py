"""Record the training of the gallery's image-text matcher in torch, for the tests to compare with.

Run in an environment that has torch (2.13.0 on a processor recorded what lies here) and nbbilinear[examples]:

    python tests/golden/gallery/record.py

Only what goes in is taken from the program: the pictures, the order of the batches, and the values at the start. The
model, its gradients, its loss and its steps are torch's own. Written beside this file for each dtype: the loss of
every step, and the state before the first and after the last.
"""

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
GALLERY = HERE.parents[2] / "docs" / "gallery"
EPOCHS = 30


def twin(torch, state, dtype):
    """The matcher as a torch module, with the same names, at the same values."""

    class Matcher(torch.nn.Module):
        def __init__(self):
            super().__init__()
            for name in ("image", "text"):
                code, features = state[f"{name}.weight"].shape
                setattr(self, name, torch.nn.Linear(features, code, dtype=dtype))
            self.score = torch.nn.Bilinear(code, code, 1, dtype=dtype)

        def forward(self, images, texts):
            return self.score(self.image(images), self.text(texts))[:, 0]

    model = Matcher()
    model.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    return model


def trained(torch, dtype):
    """Losses and states of all epochs in one dtype."""
    sys.path.insert(0, str(GALLERY))
    import matcher

    from stage import digits

    rng = np.random.default_rng(0)
    start = matcher.Matcher(rng, dtype).state_dict()
    batches = matcher.pairs(digits.load()[0], rng)
    model = twin(torch, start, getattr(torch, dtype))
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=matcher.RATE), []
    for _ in range(EPOCHS):
        for batch in batches:
            images, texts, belong = (torch.tensor(rows.astype(dtype)) for rows in batch)
            optimizer.zero_grad()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(model(images, texts), belong)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    end = {name: value.numpy() for name, value in model.state_dict().items()}
    states = {f"{when}_{k}": v for when, state in (("start", start), ("end", end)) for k, v in state.items()}
    return {"losses": np.array(losses), "epochs": EPOCHS, **states}


def main():
    """Write both files."""
    import torch

    torch.set_num_threads(1)
    for dtype in ("float32", "float64"):
        np.savez_compressed(HERE / f"matcher_{dtype}.npz", torch=torch.__version__, **trained(torch, dtype))


if __name__ == "__main__":
    main()
