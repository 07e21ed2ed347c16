"""Who looks at whom? Attention scores of every picture with every picture, and what a learned matrix adds.

Attention compares every row of a set with every row, ``score[n, m] = x[n]' W x[m]``, and the softmax of a row of scores
says how much n looks at each m. Two questions are asked of a set of digits: find the same digit, and find the next one
(a 3 looks for a 4). Without W, as in scaled dot-product attention (Vaswani and others, "Attention is all you need",
2017), a picture finds what it resembles, and nothing else. With W it finds what it was taught to look for.

How good a question is answered: of the five pictures looked at most, how many are right?
"""

from pathlib import Path

import numpy as np

import nbbilinear as nbl

from stage import digits, picture, program

ROWS, RATE, TOP = 200, 0.03, 5


def rows(shown: digits.Digits, middle):
    """Return pictures as rows of length 1 around a middle, so that their products are cosines."""
    centred = shown.pixels - middle
    return centred / np.linalg.norm(centred, axis=1, keepdims=True)


def wanted(labels, ahead: int):
    """Return which pictures each should look at: those of the digit that many ahead, itself left out."""
    right = labels == (labels[:, None] + ahead) % 10
    return right & ~np.eye(len(labels), dtype=bool)


def scores(x, weight):
    """Return the scores of all pairs; none looks at itself."""
    found = nbl.bilinear_pairs(x, x, weight)
    np.fill_diagonal(found, -np.inf)
    return found


def taught(x, labels, ahead: int, epochs: int):
    """Return a matrix whose attention falls on the pictures wanted, all of them alike."""
    rng = np.random.default_rng(0)
    weight = nbl.Parameter(rng.uniform(-1 / 8, 1 / 8, (64, 64)), name="weight")
    optimizer = nbl.optim.Adam([weight], lr=RATE)
    for _ in range(epochs):
        for some, shown in nbl.Batches((x, labels), ROWS, rng=rng):
            right = wanted(shown, ahead)
            loss = nbl.losses.cross_entropy(scores(some, weight.data), right / right.sum(axis=1, keepdims=True))
            weight.grad = nbl.bilinear_pairs_backward(loss.grad, some, some, weight.data, wrt="weight").weight
            optimizer.step()
    return weight.data


def looked_at(found, labels):
    """Return which digits (columns) are among the five looked at most by pictures of each digit (rows), as shares."""
    top = labels[np.argsort(-found, axis=1)[:, :TOP]]
    return np.array(
        [np.bincount(top[labels == digit].ravel(), minlength=10) / (labels == digit).sum() / TOP for digit in range(10)]
    )


def right(shares, ahead: int) -> float:
    """Return the mean share of the digits that should be looked at."""
    return np.roll(shares, -ahead, axis=1).trace() / 10


def main() -> None:
    """Teach both questions, and ask them about the pictures held out."""
    given = program.begin(__doc__, epochs=40, output=Path("attention.png"))
    learning, unseen = digits.load()
    middle = learning.pixels.mean(axis=0)
    x, asked = rows(learning, middle), rows(unseen, middle)
    title = "Which digits are looked at? Percent of the five looked at most"
    figure, panels = picture.panels(title, "cosine", "taught: the same digit", "taught: the next digit")

    plain = looked_at(scores(asked, np.eye(64)), unseen.labels)
    same, following = (
        looked_at(scores(asked, taught(x, learning.labels, ahead, given.epochs)), unseen.labels) for ahead in (0, 1)
    )
    by_cosine, by_teaching = (right(plain, 0), right(plain, 1)), (right(same, 0), right(following, 1))
    print("right of five       cosine   taught")
    for question, *shares in zip(("the same digit", "the next digit"), by_cosine, by_teaching, strict=True):
        print(f"{question:16s} {shares[0]:9.1%} {shares[1]:8.1%}")

    names = list("0123456789")
    for panel, shares in zip(panels, (plain, same, following), strict=True):
        picture.squares(panel, shares, names, names)
    picture.save(figure, given.output)
    reached = min(by_teaching) > 0.85 and by_cosine[1] < 0.05
    program.conclude(
        reached, "taught, attention finds either with more than 85%; cosines find the next with less than 5%."
    )


if __name__ == "__main__":
    main()
