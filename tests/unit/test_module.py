"""Modules: names of parameters, states, modes, conversion, copies."""

import copy
import pickle

import numpy as np
import pytest

from nbbilinear.errors import BackendError, CheckpointError, ConfigError, DTypeError, LayerError
from nbbilinear.layers import Bilinear, LoadReport, Module, Parameter


class Branch(Module):
    """No call of ``super().__init__``, as none is needed."""

    def __init__(self, dtype=np.float32):
        self.scale = Parameter(np.array([2.0, 3.0], dtype))
        self.inner = Bilinear(2, 3, 1, dtype=dtype, rng=0)


class Tree(Module):
    def __init__(self):
        self.title = "not a parameter"
        self.last = Parameter(np.ones(1, np.float32))
        self.branches = [Branch(), {"key": Branch()}]
        self.first = Bilinear(2, 2, 2, bias=False, rng=1)


TREE = [
    "last",
    *(f"branches.{at}.{name}" for at in ("0", "1.key") for name in ("scale", "inner.weight", "inner.bias")),
    "first.weight",
]


def frozen(module):
    return {name: (p.data, p.data.copy(), p.grad) for name, p in module.named_parameters()}


def assert_unchanged(module, before):
    for name, parameter in module.named_parameters():
        data, values, grad = before[name]
        assert parameter.data is data
        assert parameter.grad is grad
        np.testing.assert_array_equal(data, values)


def test_names_are_dotted_and_in_order_of_definition():
    assert [name for name, _ in Tree().named_parameters()] == TREE
    assert list(Tree().state_dict()) == TREE


def test_a_new_attribute_counts_and_a_deleted_one_does_not():
    tree = Tree()
    tree.more = Parameter(np.zeros(1))
    del tree.branches
    assert [name for name, _ in tree.named_parameters()] == ["last", "first.weight", "more"]


def test_shared_parameter_is_trained_once_and_saved_under_each_name():
    tree = Tree()
    tree.again = tree.first
    assert [name for name, _ in tree.named_parameters()] == TREE
    assert len(list(tree.parameters())) == len(TREE)
    assert list(tree.state_dict()) == [*TREE, "again.weight"]
    assert len(list(tree.modules())) == 6


def test_a_child_may_know_its_parent():
    tree = Tree()
    tree.first.parent = tree
    assert [name for name, _ in tree.named_parameters()] == TREE
    assert tree.eval().first.training is False


def test_state_is_a_copy():
    module = Branch()
    state = module.state_dict()
    module.scale.data[0] = 7
    np.testing.assert_array_equal(state["scale"], [2, 3])


def test_load_copies_into_the_same_arrays():
    module, other = Branch(), Branch(np.float64)
    other.scale.data[...] = [0.1, 5]
    before = {name: p.data for name, p in module.named_parameters()}
    state = other.state_dict()
    assert module.load_state_dict(state) == LoadReport((), (), ())
    state["scale"][:] = 0
    for name, parameter in module.named_parameters():
        assert parameter.data is before[name]
        assert parameter.dtype == np.float32
        np.testing.assert_array_equal(parameter.data, dict(other.named_parameters())[name].data.astype(np.float32))


def test_load_reads_what_numpy_reads():
    module = Branch()
    module.load_state_dict(module.state_dict() | {"scale": [4, 5], "inner.bias": Parameter([0.25])})
    np.testing.assert_array_equal(module.scale.data, [4, 5])
    np.testing.assert_array_equal(module.inner.bias.data, [0.25])


FAULTY = {"scale": np.ones(3), "inner.weight": np.ones((1, 2, 3)) * 1j, "stranger": np.ones(1), "other": np.ones(1)}


def test_strict_load_lists_every_fault_and_changes_nothing():
    module = Branch()
    before = frozen(module)
    with pytest.raises(CheckpointError) as caught:
        module.load_state_dict(FAULTY)
    message = str(caught.value)
    for fault in (
        "does not fit Branch",
        "inner.bias is missing",
        "stranger is unexpected",
        "other is unexpected",
        "scale has shape (3,), expected (2,)",
        "inner.weight has dtype complex128",
    ):
        assert fault in message
    assert_unchanged(module, before)


def test_one_fault_is_enough_to_load_nothing():
    module = Branch()
    before = frozen(module)
    state = {name: array + 1 for name, array in module.state_dict().items()}
    with pytest.raises(CheckpointError, match="unexpected"):
        module.load_state_dict(state | {"stranger": np.ones(1)})
    assert_unchanged(module, before)


@pytest.mark.parametrize(
    "value", ["text", [[1.0], [2.0, 3.0]], None, object()], ids=["text", "ragged", "None", "object"]
)
def test_what_is_no_array_is_a_fault(value):
    module = Branch()
    with pytest.raises(CheckpointError, match="scale "):
        module.load_state_dict(module.state_dict() | {"scale": value})


def test_read_only_parameter_is_a_fault():
    module = Branch()
    module.inner.bias.data.setflags(write=False)
    before = frozen(module)
    with pytest.raises(CheckpointError, match=r"inner\.bias is read-only"):
        module.load_state_dict({name: array + 1 for name, array in module.state_dict().items()})
    assert_unchanged(module, before)


def test_other_load_reports_and_loads_the_rest():
    module = Branch()
    bias = module.inner.bias.data.copy()
    report = module.load_state_dict(FAULTY | {"inner.weight": np.full((1, 2, 3), 0.5)}, strict=False)
    assert report == LoadReport(missing=("inner.bias",), unexpected=("stranger", "other"), mismatched=("scale",))
    np.testing.assert_array_equal(module.inner.weight.data, np.full((1, 2, 3), 0.5))
    np.testing.assert_array_equal(module.scale.data, [2, 3])
    np.testing.assert_array_equal(module.inner.bias.data, bias)


def test_modes_reach_every_module_and_return_it():
    tree = Tree()
    assert tree.training
    assert tree.eval() is tree
    assert not any(module.training for module in tree.modules())
    assert not tree.branches[1]["key"].inner.training
    assert tree.train() is tree
    assert all(module.training for module in tree.modules())


def test_zero_grad_leaves_none():
    tree = Tree()
    for parameter in tree.parameters():
        parameter.grad = np.zeros_like(parameter.data)
    tree.zero_grad()
    assert all(parameter.grad is None for parameter in tree.parameters())


def test_to_converts_data_and_gradients_of_the_same_parameters():
    branch = Branch()
    branch.scale.grad = np.array([0.5, 0.25], np.float32)
    parameters = list(branch.parameters())
    assert branch.to("cpu", "float64") is branch
    assert list(branch.parameters()) == parameters
    assert {p.dtype for p in parameters} == {np.dtype(np.float64)}
    assert branch.scale.grad.dtype == np.float64
    np.testing.assert_array_equal(branch.scale.grad, [0.5, 0.25])
    assert parameters[1].grad is None


@pytest.mark.parametrize("arguments", [{}, {"device": "cpu"}, {"dtype": np.float32}])
def test_to_where_it_is_copies_nothing(arguments):
    branch = Branch()
    before = frozen(branch)
    assert branch.to(**arguments) is branch
    assert_unchanged(branch, before)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"device": "cuda"}, BackendError, "cannot be used here: "),
        ({"device": "cuda:1", "dtype": "float64"}, BackendError, "cannot be used here: "),
        ({"device": "cuda:x"}, ConfigError, "device must be"),
        ({"device": "tpu", "dtype": "float64"}, ConfigError, "device must be"),
        ({"device": np.float64}, ConfigError, "dtype is given as dtype="),
        *(
            ({"dtype": d}, DTypeError, "float32 or float64")
            for d in ("int32", "complex64", "float16", "bool", "nothing")
        ),
    ],
)
def test_to_refuses_and_changes_nothing(arguments, error, message):
    branch = Branch()
    before = frozen(branch)
    with pytest.raises(error, match=message):
        branch.to(**arguments)
    assert_unchanged(branch, before)


def test_shallow_copy_shares_parameters():
    branch = Branch()
    assert list(copy.copy(branch).parameters()) == list(branch.parameters())


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_whole_copies_are_equal_and_apart(copied):
    branch = Branch().eval()
    branch.scale.grad = np.ones(2, np.float32)
    branch.again = branch.inner
    other = copied(branch)
    assert (other.training, other.inner.training) == (False, False)
    assert other.again is other.inner
    np.testing.assert_array_equal(other.scale.grad, [1, 1])
    for (name, mine), (same, theirs) in zip(branch.named_parameters(), other.named_parameters(), strict=True):
        assert name == same
        np.testing.assert_array_equal(mine.data, theirs.data)
        assert not np.shares_memory(mine.data, theirs.data)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_leave_kept_inputs_behind(copied):
    layer = Bilinear(2, 3, 1, rng=0)
    y = layer(np.ones((10_000, 2), np.float32), np.ones((10_000, 3), np.float32))
    assert len(pickle.dumps(layer)) < 2000
    with pytest.raises(LayerError):
        copied(layer).backward(np.ones_like(y))
    layer.backward(np.ones_like(y))
