"""Which relation holds between two things of which only features are known? 768 numbers each, five relations.

An encoder that is not trained any more gives 768 features for whatever it is shown; a bilinear layer with five outputs
scores five relations between two of them. So relations between entities are classified on top of a language model. Here
the things are pictures of digits and the frozen encoder is one that is drawn and never trained: cosines of random
combinations of the pixels (Rahimi and Recht, "Random features for large-scale kernel machines", 2007).

Beside it a linear layer learns on both feature vectors, one after the other. It can only add up what the first says and
what the second says, and "the same" is no such sum.
"""

from pathlib import Path

import numpy as np

import nbbilinear as nbl

from stage import digits, picture, program

RELATIONS = ("the same", "the next", "the one before", "larger", "smaller")
FEATURES, WIDTH = 768, 0.8
RATE, ROWS, LEARNING, JUDGING = 0.02, 150, 12000, 2000


def encoder(rng):
    """Return a function from pixels to frozen features, rows of length about 1."""
    directions, phases = rng.normal(0, WIDTH, (64, FEATURES)), rng.uniform(0, 2 * np.pi, FEATURES)
    return lambda pixels: np.cos(pixels @ directions + phases) * np.sqrt(2 / FEATURES)


def relation(first, second):
    """Return the number of the relation: the second digit is ... as, after, before, above or below the first."""
    ahead = second - first
    return np.select([ahead == 0, ahead == 1, ahead == -1, ahead > 1], [0, 1, 2, 3], 4)


def drawn_pairs(labels, number: int, rng):
    """Return rows of two pictures and their relation, each relation equally often."""
    first, second = rng.integers(0, len(labels), (2, 12 * number))
    found = relation(labels[first], labels[second])
    kept = np.concatenate([np.flatnonzero(found == k)[: number // len(RELATIONS)] for k in range(len(RELATIONS))])
    return first[kept], second[kept], found[kept]


class Product(nbl.Module):
    """Five bilinear scores of two feature vectors."""

    def __init__(self, rng):
        self.layer = nbl.Bilinear(FEATURES, FEATURES, len(RELATIONS), rng=rng, dtype="float64")

    def __call__(self, first, second):
        """Return the scores."""
        return self.layer(first, second)

    def learn(self, grad, inputs):
        """Keep the gradients of the parameters; the features are frozen, so none is computed for them."""
        weight, bias = self.layer.weight, self.layer.bias
        grads = nbl.bilinear_backward(grad, *inputs, weight.data, bias.data, wrt=["weight", "bias"])
        weight.grad, bias.grad = grads.weight, grads.bias


class Sum(nbl.Module):
    """Five linear scores of two feature vectors, one after the other."""

    def __init__(self, rng):
        self.layer = nbl.Linear(2 * FEATURES, len(RELATIONS), rng=rng, dtype="float64")

    def __call__(self, first, second):
        """Return the scores."""
        return self.layer(np.concatenate([first, second], axis=-1))

    def learn(self, grad, _inputs):
        """Keep the gradients of the parameters."""
        self.layer.backward(grad)


def train(model, features, learning, epochs: int, rng) -> None:
    """Fit the scores of pairs to their relations with Adam."""
    optimizer = nbl.optim.Adam(model.parameters(), lr=RATE)
    for _ in range(epochs):
        for first, second, found in nbl.Batches(learning, ROWS, rng=rng):
            inputs = features[first], features[second]
            model.learn(nbl.losses.cross_entropy(model(*inputs), found).grad, inputs)
            optimizer.step()
            model.zero_grad()


def judged(model, features, judging):
    """Return how often pairs of each relation (rows) are taken for each (columns)."""
    first, second, found = judging
    taken = model.eval()(features[first], features[second]).argmax(axis=1)
    return np.array([np.bincount(taken[found == k], minlength=len(RELATIONS)) / (found == k).sum() for k in range(5)])


def main() -> None:
    """Train both on the same pairs, and compare them on pairs of pictures held out."""
    given = program.begin(__doc__, epochs=1, output=Path("relations.png"))
    rng = np.random.default_rng(0)
    encode, (learning, unseen) = encoder(rng), digits.load()
    shown, asked = drawn_pairs(learning.labels, LEARNING, rng), drawn_pairs(unseen.labels, JUDGING, rng)
    results = {}
    for model in (Product(rng), Sum(rng)):
        train(model, encode(learning.pixels), shown, given.epochs, rng)
        results[type(model)] = judged(model, encode(unseen.pixels), asked)

    product, total = results.values()
    print("pairs held out     bilinear   linear on both")
    for k, name in enumerate(RELATIONS):
        print(f"{name:16s} {product[k, k]:10.0%} {total[k, k]:16.0%}")
    print(f"{'all':16s} {np.trace(product) / 5:10.1%} {np.trace(total) / 5:16.1%}")

    figure, (left, right) = picture.panels("Taken for which relation?", "bilinear, percent", "linear on both, percent")
    for panel, matrix in ((left, product), (right, total)):
        picture.squares(panel, matrix, list(RELATIONS), list(RELATIONS))
    picture.save(figure, given.output)
    reached = np.trace(product) / 5 > 0.85 and np.trace(total) / 5 < 0.5
    program.conclude(
        reached, "bilinear scores are right for more than 85% of the pairs, linear ones for less than 50%."
    )


if __name__ == "__main__":
    main()
