"""Arguments with one meaning less than it seems: refused by name, and nothing is changed."""

import numpy as np
import pytest

from nbbilinear import Batches
from nbbilinear.errors import CheckpointError, ConfigError, DTypeError
from nbbilinear.heads import BilinearInterdependenceLayer, InterdependenceHead
from nbbilinear.layers import BatchNorm, Bilinear, CPBilinear, Linear, Parameter
from nbbilinear.optim import SGD, Adam

MASKED = np.ma.masked_equal(np.arange(3.0), 1)
ONE = Parameter(np.ones(2))


@pytest.mark.parametrize("value", ["no", None, 2, 0, [True]])
@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("bias", lambda value: Bilinear(3, 4, 5, bias=value)),
        ("bias", lambda value: Linear(3, 4, bias=value)),
        ("bias", lambda value: CPBilinear(3, 4, 5, bias=value, rank=2)),
        ("enable_bias", lambda value: InterdependenceHead(3, 2, enable_bias=value)),
        ("shared", lambda value: BilinearInterdependenceLayer(3, 2, width=2, shared=value)),
        ("nesterov", lambda value: SGD([ONE], 0.1, momentum=0.9, nesterov=value)),
        ("shuffle", lambda value: Batches((np.ones((4, 1)),), size=2, shuffle=value)),
        ("drop_last", lambda value: Batches((np.ones((4, 1)),), size=2, drop_last=value)),
        ("strict", lambda value: Linear(3, 4).load_state_dict({}, strict=value)),
    ],
)
def test_a_flag_is_true_or_false(name, build, value):
    with pytest.raises(ConfigError, match=f"{name} must be True or False"):
        build(value)


def test_numpy_s_flags_are_flags():
    assert Bilinear(3, 4, 5, bias=np.False_).bias is None


@pytest.mark.parametrize("momentum", [2, 1.001, -0.1, np.nan])
def test_the_momentum_of_batch_norm_is_a_share(momentum):
    with pytest.raises(ConfigError, match="momentum must be"):
        BatchNorm(3, momentum=momentum)
    assert BatchNorm(3, momentum=1).momentum == 1


def test_masks_are_not_lost():
    layer = BatchNorm(3, dtype="float64")
    optimizer = Adam(layer.parameters())
    states = layer.state_dict(), optimizer.state_dict()
    with pytest.raises(CheckpointError, match="weight is a masked array"):
        layer.load_state_dict({**states[0], "weight": MASKED})
    with pytest.raises(CheckpointError, match=r"0.first_moment is a masked array"):
        optimizer.load_state_dict({**states[1], "0.first_moment": MASKED})
    with pytest.raises(DTypeError, match="masked array"):
        Parameter(MASKED)
    layer.weight.grad = MASKED
    with pytest.raises(DTypeError, match="a masked array is among them"):
        optimizer.step()
    for before, after in zip(states, (layer.state_dict(), optimizer.state_dict()), strict=True):
        assert all(np.array_equal(array, after[name]) for name, array in before.items())


@pytest.mark.parametrize("state", [None, 3, "text", [("weight", 1)]])
def test_a_state_is_a_mapping(state):
    for owner in (Linear(3, 4), Adam([ONE])):
        with pytest.raises(CheckpointError, match="must be a mapping"):
            owner.load_state_dict(state)


class Tensor:
    """As one that refuses to become an array of NumPy."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")


def test_a_tensor_that_refuses_is_a_fault_with_its_reason():
    layer = Linear(3, 4)
    with pytest.raises(CheckpointError, match=r"weight Can't call numpy\(\)"):
        layer.load_state_dict({**layer.state_dict(), "weight": Tensor()})
