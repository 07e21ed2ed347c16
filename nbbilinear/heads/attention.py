"""The inside of a head, on arrays: scores, weights, what is taken, fused; and the way back through all of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .fusion import FUSIONS
from .interdependence import interdependence
from .normalization import normalize
from .reconciliation import reconcile
from .remainder import REMAINDERS
from .transforms import Transform
from .weights import Weight

Array = Any
ZEROS = ("rows", "scores", "keep")


class AttentionGrads(NamedTuple):
    """Gradients of queries and rows, and of the parameters by name."""

    queries: Array
    rows: Array
    parameters: dict[str, Array]


@dataclass(frozen=True)
class Attention:
    """The parts of a head, and how they follow one another.

    Attributes
    ----------
    outputs : int
    interdependence : Weight
    attributes : Weight or None
        Of the interdependence of features, which changes the rows before they are transformed.
    transform : Transform
    reconciliation : Weight
    normalization, fusion, remainder, zeros : str
        Keys of MODES, FUSIONS, REMAINDERS, ZEROS.
    scale : float
    """

    outputs: int
    interdependence: Weight
    attributes: Weight | None
    transform: Transform
    reconciliation: Weight
    normalization: str
    fusion: str
    remainder: str
    scale: float
    zeros: str

    def shapes(self, features: int, channels: int, count: int | None) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the parameters; ``count`` is the fixed number of rows, for attributes."""
        width = self.transform.width(features)
        found: dict[str, tuple[int, ...]] = {}
        if self.attributes is not None:
            found["w_attribute_interdependence"] = (channels, self.attributes.length(count or 0, count or 0))
        found["w_instance_interdependence"] = (channels, self.interdependence.length(features, features))
        found["w"] = (channels, self.reconciliation.length(self.outputs, width))
        if self.remainder != "zero":
            found["w_remainder"] = (self.outputs, features)
        return found

    def attend(
        self, queries: Array, rows: Array, mask: Array | None, p: Mapping[str, Array]
    ) -> tuple[Array, Callable[[Array], AttentionGrads]]:
        """Return y (b, outputs) of queries (b, m) and rows (n, m), before output processing, and the pullback."""
        values, pull_values = self._values(rows, p)
        scores, pull_scores = interdependence(queries, rows, p["w_instance_interdependence"], self.interdependence)
        mixture, pull_mixture = normalize(
            scores, self.normalization, scale=self.scale, mask=self._mask(queries, rows, scores, mask)
        )
        channels, pull_channels = reconcile(values, mixture, p["w"], self.outputs, self.transform, self.reconciliation)
        y, pull_fused = FUSIONS[self.fusion](channels + p["b"] if "b" in p else channels)
        remainder = REMAINDERS[self.remainder]
        if remainder:
            past, pull_past = remainder(queries, p["w_remainder"])
            y = y + past

        def pullback(grad: Array) -> AttentionGrads:
            each = pull_fused(grad)
            taken = pull_channels(each)
            scored = pull_scores(pull_mixture(taken.mixture))
            drows, found = pull_values(taken.rows)
            dqueries, drows = scored.queries, scored.rows + drows
            found |= {"w_instance_interdependence": scored.w, "w": taken.w}
            if "b" in p:
                found["b"] = each.sum(axis=(0, 1))
            if remainder:
                dx, found["w_remainder"] = pull_past(grad)
                dqueries = dqueries + dx
            return AttentionGrads(dqueries, drows, found)

        return y, pullback

    def _values(
        self, rows: Array, p: Mapping[str, Array]
    ) -> tuple[Array, Callable[[Array], tuple[Array, dict[str, Array]]]]:
        """The rows (1 or channels, n, m) that are transformed: themselves, or with their features mixed."""
        if self.attributes is None:
            return rows[None], lambda grad: (grad[0], {})
        name = "w_attribute_interdependence"
        scores, pull_scores = interdependence(rows.T, rows.T, p[name], self.attributes)
        mixture, pull_mixture = normalize(scores)

        def pullback(grad: Array) -> tuple[Array, dict[str, Array]]:
            found = pull_scores(pull_mixture(grad.swapaxes(1, 2) @ rows))
            return (grad @ mixture).sum(axis=0) + (found.queries + found.rows).T, {name: found.w}

        return rows @ mixture.swapaxes(1, 2), pullback

    def _mask(self, queries: Array, rows: Array, scores: Array, mask: Array | None) -> Array | None:
        """Which scores count, or None where all do."""
        if self.zeros == "scores":
            counted = scores != 0
            return counted if mask is None else counted & mask
        if self.zeros == "keep" or not scores.size:
            return mask
        there = (rows != 0).any(axis=1)
        asking = there if rows is queries else (queries != 0).any(axis=1)
        if not there.all():
            mask = _both(mask, there)
        return mask if asking.all() else _both(mask, asking[:, None])


def _both(mask: Array | None, other: Array) -> Array:
    return other if mask is None else mask & other
