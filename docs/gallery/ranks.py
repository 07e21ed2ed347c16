"""How much rank does a bilinear layer need, and what does it cost?

The halves of a digit go into one bilinear layer with ten outputs, one for each digit: a matrix of 32 by 32 for each.
The same layer is trained with matrices of rank 1, 2, 4 and 8, and the full layer is compressed to those ranks after
training, without another step. Beside that stands the time of a larger product at each rank.
"""

from pathlib import Path
from time import perf_counter

import numpy as np

import nbbilinear as nbl
from nbbilinear import forms, layers

from stage import digits, picture, program

HALF, CLASSES = 32, 10
RATE, ROWS, STARTS = 3e-3, 50, 3
RANKS = (1, 2, 4, 8)
BATCH, WIDE, OUTPUTS = 512, 256, 32  # of the product that is timed


def halves(pixels):
    """Return the left and the right half of every picture."""
    pictures = pixels.reshape(-1, 8, 8)
    return pictures[:, :, :4].reshape(-1, HALF), pictures[:, :, 4:].reshape(-1, HALF)


def train(layer, shown, labels, epochs: int) -> None:
    """Fit a layer of two inputs with Adam."""
    optimizer = nbl.optim.Adam(layer.parameters(), lr=RATE)
    for _ in range(epochs):
        for left, right, wanted in nbl.Batches((*shown, labels), ROWS, rng=0):
            layer.backward(nbl.losses.cross_entropy(layer(left, right), wanted).grad)
            optimizer.step()
            layer.zero_grad()


def right_answers(layer, shown, labels) -> float:
    """Return the share of pictures whose digit gets the highest score."""
    return float((layer.eval()(*shown).argmax(axis=1) == labels).mean())


def milliseconds(weight) -> float:
    """Return the best time of a product with a weight or form, of rows that are given."""
    x1, x2 = np.random.default_rng(0).normal(size=(2, BATCH, WIDE))
    times = []
    for _ in range(5):
        start = perf_counter()
        nbl.bilinear(x1, x2, weight, backend="numpy")
        times.append(perf_counter() - start)
    return min(times) * 1e3


def main() -> None:
    """Train the layers from each start, compress the full one, time a product at each rank."""
    given = program.begin(__doc__, epochs=20, output=Path("ranks.png"))
    learning, unseen = digits.load()
    shown, asked = halves(learning.pixels), halves(unseen.pixels)
    trained, compressed = (dict.fromkeys((*RANKS, "full"), 0.0) for _ in range(2))
    for start in range(STARTS):
        full = nbl.Bilinear(HALF, HALF, CLASSES, rng=start, dtype="float64")
        train(full, shown, learning.labels, given.epochs)
        trained["full"] += right_answers(full, asked, unseen.labels) / STARTS
        for rank in RANKS:
            layer = layers.LowRankBilinear(HALF, HALF, CLASSES, rank=rank, rng=start, dtype="float64")
            train(layer, shown, learning.labels, given.epochs)
            trained[rank] += right_answers(layer, asked, unseen.labels) / STARTS
            form = nbl.compress(full, "low_rank", rank=rank).form
            small = layers.LowRankBilinear.of(form, full.bias.data)
            compressed[rank] += right_answers(small, asked, unseen.labels) / STARTS
    compressed["full"] = trained["full"]

    rng, times, sizes = np.random.default_rng(0), {}, {}
    for rank in RANKS:
        times[rank] = milliseconds(forms.LowRank(*rng.normal(size=(2, OUTPUTS, WIDE, rank))))
        sizes[rank] = 2 * CLASSES * HALF * rank + CLASSES
    times["full"], sizes["full"] = milliseconds(rng.normal(size=(OUTPUTS, WIDE, WIDE))), CLASSES * HALF * HALF + CLASSES
    print("rank  parameters  trained  compressed  time of a product")
    for rank, share in trained.items():
        print(f"{rank!s:5s}{sizes[rank]:11d}{share:9.1%}{compressed[rank]:12.1%}  ~{times[rank]:.2f} ms")

    draw(trained, compressed, times, given.output)
    close = trained[4] > trained["full"] - 0.01 and trained[4] > 0.9
    program.conclude(close and compressed[8] > compressed[1] + 0.1, "rank 4 is within 1% of full matrices.")


def draw(trained, compressed, times, path: Path) -> None:
    """Draw shares and times against rank."""
    figure, (left, right) = picture.panels(
        "What a rank buys", "right of 597 pictures held out", "time of a product, ms"
    )
    places, names = range(len(trained)), [str(rank) for rank in trained]
    left.plot(places, list(trained.values()), "o-", color=picture.SECOND, label="trained at this rank")
    left.plot(places, list(compressed.values()), "o--", color=picture.FIRST, label="full layer, compressed")
    left.legend(frameon=False)
    right.bar(places, list(times.values()), color=picture.FIRST)
    for panel in (left, right):
        panel.set_xticks(places, names)
        panel.set_xlabel("rank")
        panel.grid(axis="y", color=picture.GRID)
    picture.save(figure, path)


if __name__ == "__main__":
    main()
