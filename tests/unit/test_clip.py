"""Clipping: torch's numbers, what is left alone, refusals."""

from pathlib import Path

import numpy as np
import pytest

from nbbilinear.errors import ConfigError, DTypeError
from nbbilinear.layers import Parameter
from nbbilinear.optim import clip_gradient_values, clip_gradients

GOLDEN = Path(__file__).parents[1] / "golden" / "training"
VERBS = pytest.mark.parametrize("verb", [clip_gradients, clip_gradient_values])


def recorded_parameters(recorded):
    parameters = [Parameter(np.zeros_like(recorded[f"grad{place}"])) for place in range(3)]
    for place, parameter in enumerate(parameters):
        parameter.grad = recorded[f"grad{place}"]
    return parameters


@pytest.mark.parametrize("limit", [1, 100])
def test_norm_is_torchs(limit):
    recorded = np.load(GOLDEN / "clipping.npz")
    parameters = recorded_parameters(recorded)
    arrays = [p.grad for p in parameters]
    norm = clip_gradients(iter(parameters), max_norm=limit)
    assert isinstance(norm, float)
    assert norm == pytest.approx(float(recorded[f"norm_{limit}_norm"]), rel=1e-14)
    for place, parameter in enumerate(parameters):
        assert parameter.grad is arrays[place]
        np.testing.assert_allclose(parameter.grad, recorded[f"norm_{limit}_grad{place}"], rtol=1e-14)


def test_values_are_torchs():
    recorded = np.load(GOLDEN / "clipping.npz")
    parameters = recorded_parameters(recorded)
    arrays = [p.grad for p in parameters]
    clip_gradient_values(parameters, 2.0)
    for place, parameter in enumerate(parameters):
        assert parameter.grad is arrays[place]
        np.testing.assert_array_equal(parameter.grad, recorded[f"value_2_grad{place}"])


def one(grad):
    parameter = Parameter(np.zeros(np.shape(grad), grad.dtype))
    parameter.grad = grad
    return parameter


def test_small_gradients_keep_their_bits():
    grad = np.random.default_rng(0).normal(size=50).astype(np.float32)
    parameter = one(grad.copy())
    clip_gradients([parameter], 100.0)
    np.testing.assert_array_equal(parameter.grad, grad)


@pytest.mark.parametrize("exponent", [-1060, -600, -530, 510, 530, 1018])
def test_the_norm_is_there_where_squares_are_not(exponent):
    grads = [np.array([3.0, -4.0]), np.array([12.0]), np.array([])]
    parameters = [one(np.ldexp(grad, exponent)) for grad in grads]
    norm = clip_gradients(parameters, np.ldexp(6.5, exponent))
    assert norm == np.ldexp(13.0, exponent)
    factor = 6.5 / (13.0 + 1e-6 * 2.0 ** min(-exponent, 1000))  # torch, too, adds 1e-6 to the norm
    for parameter, grad in zip(parameters, grads, strict=True):
        np.testing.assert_allclose(parameter.grad, np.ldexp(grad, exponent) * factor, rtol=1e-12)


def test_a_factor_that_float32_has_few_bits_for_is_exact_all_the_same():
    parameter = one(np.full(64, 3e38, np.float32))
    clip_gradients([parameter], 1.0)
    np.testing.assert_allclose(parameter.grad, 0.125, rtol=1e-6)


def test_large_float32_does_not_overflow():
    parameter = one(np.full(4, 1e30, np.float32))
    assert clip_gradients([parameter], 1.0) == pytest.approx(2e30)
    np.testing.assert_allclose(parameter.grad, np.full(4, 0.5), rtol=1e-6)
    assert parameter.grad.dtype == np.float32


def test_none_and_nothing():
    parameter, empty = Parameter(np.ones(3)), one(np.ones((0, 3)))
    for verb in (clip_gradients, clip_gradient_values):
        verb([parameter, empty], 1.0)
    assert parameter.grad is None
    assert clip_gradients([parameter], 1.0) == 0
    zero = one(np.ones(3))
    clip_gradients([zero], 0.0)
    assert not zero.grad.any()


def test_nan_goes_on():
    parameter, other = one(np.array([np.nan, 1.0])), one(np.ones(2))
    assert np.isnan(clip_gradients([parameter, other], 1.0))
    assert np.isnan(other.grad).all()
    parameter = one(np.array([np.nan, 3.0]))
    clip_gradient_values([parameter], 1.0)
    np.testing.assert_array_equal(parameter.grad, [np.nan, 1.0])


def test_strided_gradients_are_changed_in_place():
    base = np.full((4, 6), 3.0)
    parameter = one(base[::2, ::-3])
    clip_gradient_values([parameter], 1.0)
    assert (base == 1).sum() == 4
    clip_gradients([parameter], 1.0)
    np.testing.assert_allclose(base[0, 5], 0.5, rtol=1e-6)


@VERBS
@pytest.mark.parametrize("limit", [-1.0, np.nan, np.inf, "small", None])
def test_limits_without_meaning(verb, limit):
    with pytest.raises(ConfigError, match="max_"):
        verb([one(np.ones(3))], limit)


@VERBS
def test_refusals_change_nothing(verb):
    good, frozen = one(np.full(3, 5.0)), one(np.full(3, 5.0))
    frozen.grad.setflags(write=False)
    listed, integers = one(np.ones(1)), one(np.ones(1))
    listed.grad, integers.grad = [9.0], np.array([9])
    for bad in (frozen, listed, integers):
        with pytest.raises(DTypeError, match="grad must be a writable array of floats"):
            verb([good, bad], 1.0)
        np.testing.assert_array_equal(good.grad, np.full(3, 5.0))
    for parameters in ([], good, [good, good], [1.0]):
        with pytest.raises(ConfigError, match="parameters must"):
            verb(parameters, 1.0)
