"""Any leading axes at all: random broadcasting of x1, x2, weight, index and bias, on small integers, so to the bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nbbilinear as nbl

import cases
import oracle


@st.composite
def structures(draw):
    """Shapes whose leading axes broadcast, with the weight plain, stacked or chosen by an index."""
    lead = tuple(draw(st.lists(st.sampled_from([1, 2, 2, 3, 0]), max_size=4)))
    in1, in2, out = (draw(st.sampled_from([1, 2, 3, 5, 0])) for _ in range(3))
    kind, out_axis = draw(st.sampled_from(["plain", "stacked", "index"])), draw(st.booleans())

    def part():
        kept = tuple(size if draw(st.booleans()) else 1 for size in lead)
        return kept[draw(st.integers(0, len(kept))) if set(kept) <= {1} else 0 :]

    matrix = (out, in1, in2) if out_axis or kind == "stacked" else (in1, in2)
    weight = {"plain": matrix, "stacked": (*part(), *matrix), "index": (3, *matrix)}[kind]
    index = part() if kind == "index" else None
    some = cases.Shapes((*part(), in1), (*part(), in2), weight, None, index)
    if draw(st.booleans()):
        y = cases.y_shape(some)
        bias = weight[:-2] if kind == "index" else y[draw(st.integers(0, max(0, len(y) - 1))) :]
        some = some._replace(bias=bias)
    return some


@pytest.mark.parametrize("kernel", [*cases.kernels(), None])
@given(some=structures(), seed=st.integers(0, 999))
@settings(max_examples=120, deadline=None)
def test_forward_and_backward_to_the_bit(kernel, some, seed):
    rng = np.random.default_rng(seed)
    ours = cases.operands(some, "float64", rng, lambda rng, shape: rng.integers(-3, 4, shape))
    g = rng.integers(-3, 4, cases.y_shape(some)).astype(float)
    try:
        nbl.plan(*list(ours.values())[:4], index=ours["index"], backend=kernel)
    except nbl.BackendError:
        return  # a kernel of one structure, and this is the other
    exact = oracle.faces(**ours, grad_output=g)
    np.testing.assert_array_equal(nbl.bilinear(**ours, backend=kernel), exact["y"].value)
    for name, gradient in nbl.bilinear_backward(g, **ours, backend=kernel)._asdict().items():
        if gradient is not None:
            np.testing.assert_array_equal(gradient, exact[name].value)
            assert gradient.shape == ours[name].shape
