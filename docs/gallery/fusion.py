"""Two halves of a picture come from two sensors. How are they to be fused?

Each half of a digit is a modality of 32 pixels; neither alone is enough. The fusion module encodes both, multiplies the
codes with a bilinear layer, every number of one with every number of the other, and classifies the product. Judged
beside it: each half alone; both halves one after the other into a linear layer, which only adds up what they say; and
the same with a hidden layer (ReLU) that has as many parameters as the fusion module. Each learns from four starts.
"""

from pathlib import Path

import numpy as np

import nbbilinear as nbl

from stage import digits, picture, program

HALF, CODE, HIDDEN, CLASSES = 32, 24, 209, 10
RATE, ROWS, STARTS = 3e-3, 50, 4


class Fusion(nbl.Module):
    """Two encoders, the product of their codes, a classifier."""

    def __init__(self, rng):
        self.left = nbl.Linear(HALF, CODE, rng=rng, dtype="float64")
        self.right = nbl.Linear(HALF, CODE, rng=rng, dtype="float64")
        self.fuse = nbl.Bilinear(CODE, CODE, CODE, rng=rng, dtype="float64")
        self.classify = nbl.Linear(CODE, CLASSES, rng=rng, dtype="float64")

    def __call__(self, left, right):
        """Return the scores of the ten digits."""
        return self.classify(self.fuse(self.left(left), self.right(right)))

    def backward(self, grad_scores):
        """Send the gradient of the scores back through the product into both encoders."""
        by_left, by_right = self.fuse.backward(self.classify.backward(grad_scores))
        self.left.backward(by_left)
        self.right.backward(by_right)


def rivals(rng) -> dict[str, tuple[nbl.Module, str]]:
    """Return the models, and what each is shown."""

    def linear(features: int, outputs: int = CLASSES) -> nbl.Linear:
        return nbl.Linear(features, outputs, rng=rng, dtype="float64")

    return {
        "left half alone": (linear(HALF), "left"),
        "right half alone": (linear(HALF), "right"),
        "both, linear": (linear(2 * HALF), "joined"),
        "both, bilinear fusion": (Fusion(rng), "each"),
        "both, hidden layer": (nbl.Sequential(linear(2 * HALF, HIDDEN), nbl.ReLU(), linear(HIDDEN)), "joined"),
    }


def inputs(pixels):
    """Return the halves of every picture in every way in which a model is shown them."""
    pictures = pixels.reshape(-1, 8, 8)
    left, right = pictures[:, :, :4].reshape(-1, HALF), pictures[:, :, 4:].reshape(-1, HALF)
    return {"left": (left,), "right": (right,), "joined": (np.hstack([left, right]),), "each": (left, right)}


def train(model, shown, labels, epochs: int) -> None:
    """Fit a model of one or two inputs with Adam."""
    optimizer = nbl.optim.Adam(model.parameters(), lr=RATE)
    batches = nbl.Batches((*shown, labels), ROWS, rng=0)
    for _ in range(epochs):
        for *some, wanted in batches:
            model.backward(nbl.losses.cross_entropy(model(*some), wanted).grad)
            optimizer.step()
            model.zero_grad()


def main() -> None:
    """Train all five from each start, and count what they get right of the pictures held out."""
    given = program.begin(__doc__, epochs=30, output=Path("fusion.png"))
    learning, unseen = digits.load()
    shown, asked = inputs(learning.pixels), inputs(unseen.pixels)
    right, sizes = {}, {}
    for start in range(STARTS):
        for name, (model, kind) in rivals(np.random.default_rng(start)).items():
            train(model, shown[kind], learning.labels, given.epochs)
            taken = model.eval()(*asked[kind]).argmax(axis=1)
            right[name] = right.get(name, 0) + (taken == unseen.labels).mean() / STARTS
            sizes[name] = sum(parameter.data.size for parameter in model.parameters())
    print("pictures held out       parameters    right")
    for name, share in right.items():
        print(f"{name:22s} {sizes[name]:11d} {share:8.1%}")

    figure, (panel,) = picture.panels("Two halves of a digit, fused", "right of 597 pictures held out")
    colors = [picture.SECOND if "fusion" in name else picture.FIRST for name in right]
    panel.scatter(list(right.values()), list(right), color=colors, s=60)
    panel.grid(axis="x", color=picture.GRID)
    panel.invert_yaxis()
    picture.save(figure, given.output)
    left, other, added, fused, hidden = right.values()
    reached = max(left, other) + 0.1 < added < fused - 0.01 and fused < hidden
    program.conclude(reached, "fusion beats adding by more than 1%, and a hidden layer of the same size beats fusion.")


if __name__ == "__main__":
    main()
