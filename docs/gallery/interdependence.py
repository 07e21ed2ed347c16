"""Few pictures have names, many have none. What does it give to look at the others?

Of the 1200 pictures to learn from, 120 come with the digit that they show. The dense stack learns from those alone. In
the same stack with a head as its first layer, a picture also takes something of other pictures, by shares that a matrix
W decides. It starts as the identity, so that looking starts with cosines; or, with ``--drawn 1``, at random. A picture
looks at its batch; or (``context``) at those with names; or at all 1200, with and without. What it looks at are pixels,
never names. Beside them, with nothing learned: the name of the picture of the largest cosine.

All stacks have about as many parameters, the same optimiser, batches and starts; each start has other pictures named.
Learning rate, epochs, widths, dropout and scale were chosen by fourfold cross-validation on the pictures to learn from.
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np

import nbbilinear as nbl
from nbbilinear.heads import InterdependenceHead
from nbbilinear.layers import BatchNorm, Dropout

from stage import digits, picture, program

PIXELS, CLASSES, HIDDEN, DROPPED = 64, 10, 48, 0.1
RATE, ROWS, STARTS, SCALE = 3e-3, 30, 5, 20.0


class Stack(nbl.Module):
    """A first layer, dense or a head, and two dense ones."""

    def __init__(self, first, width, rng):
        self.first = first
        self.rest = nbl.Sequential(dense(width, HIDDEN, rng), nbl.Linear(HIDDEN, CLASSES, rng=rng, dtype="float64"))

    def __call__(self, x, **seen):
        """Return the scores of the ten digits; ``seen`` is what a head may look at."""
        return self.rest(self.first(x, **seen))

    def backward(self, grad_scores):
        """Send the gradient of the scores back through all layers."""
        return self.first.backward(self.rest.backward(grad_scores))


def dense(features, outputs, rng):
    """Return a linear layer with batch norm, ReLU and dropout."""
    linear, norm = nbl.Linear(features, outputs, rng=rng, dtype="float64"), BatchNorm(outputs, dtype="float64")
    return nbl.Sequential(linear, norm, nbl.ReLU(), Dropout(DROPPED, rng=rng))


def head(features, outputs, rng, drawn):
    """Return the same, with what a row takes of others added to what the linear layer makes of it."""
    processed = ["batch_norm", "relu", {"kind": "dropout", "p": DROPPED}]
    options = {"remainder": "linear", "enable_bias": True, "outputs": processed, "dtype": "float64"}
    made = InterdependenceHead(features, outputs, scale=SCALE, rng=rng, **options)
    if not drawn:
        made.w_instance_interdependence.data[...] = np.eye(features).reshape(1, -1)
    return made


def train(model, x, labels, epochs, start, seen) -> None:
    """Fit a stack with Adam; where it is shown a context, of which x is the beginning, no picture looks at itself."""
    optimizer = nbl.optim.Adam(model.parameters(), lr=RATE)
    batches = nbl.Batches((x, labels, np.arange(len(x))), ROWS, rng=start)
    for _ in range(epochs):
        for some, wanted, places in batches:
            others = {"mask": places[:, None] != np.arange(len(seen["context"]))} if seen else {}
            model.backward(nbl.losses.cross_entropy(model(some, **seen, **others), wanted).grad)
            optimizer.step()
            model.zero_grad()
    model.eval()


def answers(model, x, size, seen):
    """Return the digits that a stack names, asked some pictures at a time."""
    return np.concatenate([model(x[at : at + size], **seen).argmax(axis=1) for at in range(0, len(x), size)])


def cosines(pixels, middle):
    """Return pictures as rows of length 1 around a middle: their products are cosines."""
    return (pixels - middle) / np.linalg.norm(pixels - middle, axis=1, keepdims=True)


def main() -> None:
    """Train from each start, and ask about the pictures held out, thirty at a time and one at a time."""
    given = program.begin(__doc__, named=120, epochs=50, drawn=0, output=Path("interdependence.png"))
    learning, unseen = digits.load()
    looking = partial(head, drawn=given.drawn)
    middle = learning.pixels.mean(axis=0)
    every, asked = cosines(learning.pixels, middle), cosines(unseen.pixels, middle)

    right, alone, changed, sizes = {}, {}, {}, {}
    for start in range(STARTS):
        print(f"start {start + 1} of {STARTS}", end="\r", file=sys.stderr, flush=True)
        x, labels = (np.roll(a, -start * given.named, axis=0) for a in (every, learning.labels))
        some, wanted = x[: given.named], labels[: given.named]
        for name, first, width, seen in (
            ("dense stack", dense, 128, {}),
            ("looks at its batch", looking, 60, {}),
            ("looks at those named", looking, 60, {"context": some}),
            ("looks at all", looking, 60, {"context": x}),
        ):
            rng = np.random.default_rng(start)
            model = Stack(first(PIXELS, width, rng), width, rng)
            train(model, some, wanted, given.epochs, start, seen)
            together, single = (answers(model, asked, size, seen) for size in (ROWS, 1))
            right.setdefault(name, []).append((together == unseen.labels).mean())
            alone[name] = alone.get(name, 0) + (single == unseen.labels).mean() / STARTS
            changed[name] = changed.get(name, 0) + (single != together).mean() / STARTS
            sizes[name] = sum(parameter.data.size for parameter in model.parameters())
        nearest = wanted[(asked @ some.T).argmax(axis=1)] == unseen.labels
        right.setdefault("nearest by cosine", []).append(nearest.mean())

    print("                                  thirty at a time   one at a time")
    print("pictures held out     parameters    right      ±      right  changed")
    for name, shares in right.items():
        single = f"{alone[name]:11.1%} {changed[name]:8.1%}" if name in alone else ""
        print(f"{name:21s} {sizes.get(name, 0):10d} {np.mean(shares):8.1%} {np.std(shares):6.1%}{single}")
    draw(right, given.output)
    reached = np.mean(right["looks at all"]) > np.mean(right["dense stack"]) + 0.01
    program.conclude(reached, "a stack that looks at all pictures beats a dense one by more than 1%.")


def draw(right, path: Path) -> None:
    """Draw the share of every start, a row for each way."""
    figure, (panel,) = picture.panels("Looking at other pictures", "right of 597 held out, each start")
    for name, shares in right.items():
        color = picture.SECOND if name.startswith("looks") else picture.FIRST
        panel.scatter(shares, [name] * len(shares), color=color, s=40, alpha=0.7)
    panel.grid(axis="x", color=picture.GRID)
    panel.invert_yaxis()
    picture.save(figure, path)


if __name__ == "__main__":
    main()
