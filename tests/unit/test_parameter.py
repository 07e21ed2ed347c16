"""A parameter is its array by reference, with a gradient and a name."""

import copy
import pickle

import numpy as np
import pytest

from nbbilinear.errors import DTypeError
from nbbilinear.layers import Parameter


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_array_is_held_by_reference(dtype):
    data = np.zeros((2, 3), dtype)
    parameter = Parameter(data, "weight")
    assert parameter.data is data
    assert parameter.grad is None
    assert (parameter.name, parameter.shape, parameter.dtype) == ("weight", (2, 3), np.dtype(dtype))


def test_lists_and_scalars_become_arrays():
    assert Parameter([[1.0, 2.0]]).shape == (1, 2)
    scalar = Parameter(np.float32(3))
    assert isinstance(scalar.data, np.ndarray)  # a NumPy scalar could not be updated in place
    assert scalar.shape == ()


def test_foreign_byte_order_is_converted():
    swapped = np.arange(3, dtype=np.dtype(np.float32).newbyteorder())
    parameter = Parameter(swapped)
    assert parameter.dtype == np.float32
    np.testing.assert_array_equal(parameter.data, [0, 1, 2])


@pytest.mark.parametrize("data", [[1, 2], [True], [1j], np.ones(2, np.float16), ["a"], [None]], ids=repr)
def test_other_dtypes_are_refused(data):
    with pytest.raises(DTypeError, match="float32 or float64, got"):
        Parameter(data)


def test_repr():
    assert repr(Parameter(np.zeros((5, 3, 4), np.float32), "weight")) == (
        "Parameter(name='weight', shape=(5, 3, 4), dtype=float32)"
    )


def test_numpy_reads_it():
    parameter = Parameter(np.arange(3.0))
    assert np.shares_memory(np.asarray(parameter), parameter.data)
    assert not np.shares_memory(np.array(parameter, copy=True), parameter.data)
    assert np.asarray(parameter, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="copy"):
        np.array(parameter, dtype=np.float32, copy=False)


def test_device_array_is_kept_and_never_transferred():
    class DeviceArray:
        __cuda_array_interface__ = {}  # noqa: RUF012  only its presence counts
        dtype, shape = np.dtype(np.float32), (2,)

        def astype(self, dtype, copy):
            assert not copy
            return self

        def __array__(self, dtype=None, copy=None):
            raise AssertionError(dtype, copy)

    data = DeviceArray()
    assert Parameter(data).data is data


def test_parameters_are_keys_by_identity():
    one, other = Parameter([1.0]), Parameter([1.0])
    assert {one: 1, other: 2}[one] == 1


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))], ids=["deepcopy", "pickle"])
def test_copies_are_whole_and_apart(copied):
    parameter = Parameter([1.0, 2.0], "bias")
    parameter.grad = np.array([3.0, 4.0])
    other = copied(parameter)
    parameter.data[0] = parameter.grad[0] = 9
    assert other.name == "bias"
    np.testing.assert_array_equal(other.data, [1, 2])
    np.testing.assert_array_equal(other.grad, [3, 4])
