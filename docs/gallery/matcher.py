"""Does this name belong to this picture? An image-text matcher, trained from nothing.

A picture is 64 pixels; a name is its letters and pairs of letters, so "two" is t, w, o, tw and wo. One linear layer
encodes pictures, another encodes names, and a bilinear layer with a single output compares the two codes; the sigmoid
of its score is the probability that they belong together. Every picture is shown with its own name and with a wrong
one. In the end the matcher reads: of all ten names, which one fits best?

The same model in torch, with ``torch.nn.Bilinear(32, 32, 1)``, has the same loss at each of its steps.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

import nbbilinear as nbl

from stage import digits, picture, program

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
CODE, RATE, ROWS = 32, 3e-3, 64  # length of a code, learning rate, rows of a batch


def pieces(name: str) -> list[str]:
    """Return the letters of a name, and its pairs of neighbouring letters."""
    return [*name, *(a + b for a, b in pairwise(name))]


ALPHABET = sorted({piece for name in NAMES for piece in pieces(name)})
TEXTS = np.array([[pieces(name).count(piece) for piece in ALPHABET] for name in NAMES], dtype="float64")


class Matcher(nbl.Module):
    """Two encoders and a bilinear score."""

    def __init__(self, rng, dtype="float64"):
        self.image = nbl.Linear(64, CODE, rng=rng, dtype=dtype)
        self.text = nbl.Linear(len(ALPHABET), CODE, rng=rng, dtype=dtype)
        self.score = nbl.Bilinear(CODE, CODE, 1, rng=rng, dtype=dtype)

    def __call__(self, images, texts):
        """Return a score for each row; its sigmoid is a probability."""
        return self.score(self.image(images), self.text(texts))[:, 0]

    def backward(self, grad_scores):
        """Send the gradient of the scores through the product into both encoders."""
        by_image, by_text = self.score.backward(grad_scores[:, None])
        self.image.backward(by_image)
        self.text.backward(by_text)

    def every_name(self, images):
        """Return the probability of each of the ten names for each picture: every row with every row."""
        codes, names = self.image(images), self.text(TEXTS)
        return nbl.Sigmoid()(nbl.bilinear_pairs(codes, names, self.score.weight.data, self.score.bias.data))[..., 0]


def pairs(shown: digits.Digits, rng) -> nbl.Batches:
    """Return every picture with its own name, and with a wrong one, in batches."""
    wrong = (shown.labels + rng.integers(1, 10, len(shown.labels))) % 10
    names = np.concatenate([shown.labels, wrong])
    belong = np.repeat([1.0, 0.0], len(shown.labels))
    return nbl.Batches((np.tile(shown.pixels, (2, 1)), TEXTS[names], belong), ROWS, rng=rng)


def train(model: Matcher, batches: nbl.Batches, epochs: int) -> Iterator[list[float]]:
    """Yield the losses of each epoch, one for each step."""
    optimizer = nbl.optim.Adam(model.parameters(), lr=RATE)
    for _ in range(epochs):
        losses = []
        for images, texts, belong in batches:
            loss = nbl.losses.binary_cross_entropy_with_logits(model(images, texts), belong)
            model.backward(loss.grad)
            optimizer.step()
            model.zero_grad()
            losses.append(float(loss.value))
        yield losses


def main() -> None:
    """Train, read the pictures held out, and judge."""
    given = program.begin(__doc__, epochs=30, output=Path("matcher.png"))
    learning, unseen = digits.load()
    rng = np.random.default_rng(0)
    model, curve = Matcher(rng), []
    for epoch, losses in enumerate(train(model, pairs(learning, rng), given.epochs), 1):
        curve.append(np.mean(losses))
        if epoch in {1, 2, 5, 10, 20, 30}:
            print(f"epoch {epoch:2d}   loss {curve[-1]:.3f}")

    probabilities = model.eval().every_name(unseen.pixels)
    own = np.arange(10) == unseen.labels[:, None]
    reading = (probabilities.argmax(axis=1) == unseen.labels).mean()
    print(f"own names accepted   {(probabilities[own] > 0.5).mean():.1%}")
    print(f"wrong names refused  {(probabilities[~own] < 0.5).mean():.1%}")
    print(f"best of ten is right {reading:.1%}   (by chance 10%)")

    figure, (left, right) = picture.panels(
        "Which name belongs to the picture?", "loss by epoch", "probability, percent"
    )
    left.plot(range(1, len(curve) + 1), curve, color=picture.FIRST)
    met = np.array([probabilities[unseen.labels == digit].mean(axis=0) for digit in range(10)])
    picture.squares(right, met, [f"pictures of {digit}" for digit in range(10)], list(NAMES))
    picture.save(figure, given.output)
    program.conclude(reading > 0.9, "of ten names, the best one is right for more than 90% of the pictures held out.")


if __name__ == "__main__":
    main()
