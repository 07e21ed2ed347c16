"""What tutorial pages work out by hand, with the numbers put right, and what other libraries' layers do."""

from pathlib import Path

import numpy as np

import nbbilinear as nbl

GOLDEN = Path(__file__).parents[1] / "golden"


def test_one_row_by_hand():
    x1, x2, weight = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([[[5.0, 6.0], [7.0, 8.0]]])
    assert nbl.bilinear(x1, x2, weight).item() == 145
    found = nbl.bilinear_backward(np.ones((1, 1)), x1, x2, weight)
    assert found.x1.tolist() == [[39, 53]]  # a page in circulation prints [[27, 53]]
    assert found.x2.tolist() == [[19, 22]]
    assert found.weight.tolist() == [[[3, 4], [6, 8]]]  # and its sister page [[3, 4], [3, 4]]


def test_two_rows_by_hand():
    x1, x2 = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0], [7.0, 8.0]])
    weight, bias = np.array([[[9.0, 10.0], [11.0, 12.0]]]), np.array([13.0])
    assert nbl.bilinear(x1, x2, weight, bias).tolist() == [[372], [1134]]
    found = nbl.bilinear_backward(np.ones((2, 1)), x1, x2, weight, bias)
    assert found.x1.tolist() == [[105, 127], [143, 173]]  # the page: [[45, 82], [119, 170]]
    assert found.x2.tolist() == [[31, 34], [71, 78]]  # the page, row 2: [57, 62]
    assert found.weight.tolist() == [[[26, 30], [38, 44]]]  # the page does not sum over the batch
    assert found.bias.tolist() == [2]
    row = nbl.bilinear_backward(np.ones((2, 1)), x1, x2, weight, bias[None])
    assert row.bias.tolist() == [[2]]  # a bias of one row keeps its shape


def test_block_diagonal_weight():
    """The example of a forum thread (discuss.pytorch.org 194429): two blocks on the diagonal of each weight."""
    with np.load(GOLDEN / "torch" / "050_block-diagonal.npz") as file:
        y = nbl.bilinear(file["x1"], file["x2"], file["weight"], file["bias"])
        assert y.tolist() == file["out"].tolist() == [[-42, -83], [-138, -275], [-234, -467]]


def test_parameter_count_and_shapes_of_the_layer_pages():
    layer = nbl.Bilinear(50, 100, 100)
    assert sum(p.data.size for p in layer.parameters()) == 500_100
    assert layer(np.ones((128, 50), "f4"), np.ones((128, 100), "f4")).shape == (128, 100)
    layer = nbl.Bilinear(100, 100, 50)
    assert sum(p.data.size for p in layer.parameters()) == 500_050
    assert (layer.weight.shape, layer.bias.shape) == (
        (50, 100, 100),
        (50,),
    )  # a page prints torch.Size([]) for the bias
    assert sum(p.data.size for p in nbl.Bilinear(10, 20, 5).parameters()) == 1005


def test_a_numpy_loop_agrees_to_seven_decimals():
    """A blog compares its NumPy loop with a layer of 20, 30, 40 at batch 128 and finds the seventh decimal."""
    rng = np.random.default_rng(0)
    layer = nbl.Bilinear(20, 30, 40, rng=0)
    x1, x2 = rng.normal(size=(128, 20)).astype("f4"), rng.normal(size=(128, 30)).astype("f4")
    y = np.zeros((128, 40))
    for k in range(40):
        y[:, k] = ((x1 @ layer.weight.data[k]) * x2).sum(1) + layer.bias.data[k]
    assert abs(y - layer(x1, x2)).mean() < 5e-7


def test_all_pairs_of_a_set_are_the_biaffine_einsum():
    rng = np.random.default_rng(1)
    x, y, weight = rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 6, 3)), rng.normal(size=(7, 4, 3))
    np.testing.assert_allclose(
        nbl.bilinear_pairs(x, y, weight).transpose(0, 3, 1, 2), np.einsum("bxi,oij,byj->boxy", x, weight, y), atol=1e-12
    )


def test_one_weight_per_row_of_an_embedding():
    """PyKEEN's RESCAL rule `...d,...de,...e->...`, one head against all tails."""
    rng = np.random.default_rng(2)
    entities, relations = rng.normal(size=(11, 4)), rng.normal(size=(3, 4, 4))
    heads, kinds = np.array([0, 5, 5, 9]), np.array([2, 0, 2, 1])
    scores = nbl.bilinear(entities[heads][:, None], entities[None], relations, index=kinds[:, None])
    want = np.einsum("bd,bde,ne->bn", entities[heads], relations[kinds], entities)
    np.testing.assert_allclose(scores, want, atol=1e-12)


def test_a_stack_of_weights_with_shared_inputs():
    """vmap over W (7, 5, 3, 4) with one x."""
    rng = np.random.default_rng(3)
    x1, x2, weight = rng.normal(size=(6, 3)), rng.normal(size=(6, 4)), rng.normal(size=(7, 1, 5, 3, 4))
    y = nbl.bilinear(x1, x2, weight)
    assert y.shape == (7, 6, 5)
    np.testing.assert_allclose(y[4], nbl.bilinear(x1, x2, weight[4, 0]), atol=1e-12)


def test_flattened_and_no_batch():
    rng = np.random.default_rng(4)
    x1, x2, weight = rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 3, 6)), rng.normal(size=(8, 5, 6))
    flat = nbl.bilinear(x1.reshape(6, 5), x2.reshape(6, 6), weight)
    np.testing.assert_allclose(nbl.bilinear(x1, x2, weight).reshape(6, 8), flat, atol=1e-12)
    np.testing.assert_allclose(nbl.bilinear(x1[0, 0], x2[0, 0], weight), flat[0], atol=1e-12)
