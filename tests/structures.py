"""Random leading axes: shapes whose operands broadcast in every way that there is."""

from hypothesis import strategies as st

import cases


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
