"""Heads, and the layers that they are made of."""

from heads import test_combinations, test_head, test_normalize, test_recorded, test_weights
from unit import test_batch_norm, test_dropout

import heads_recorded
from ..bugs import lines

SOME = ("head_04", "head_09", "head_18", "head_19", "head_22", "head_25", "head_29")


def check():
    for dtype, backend in (("float32", "numba"), ("float64", "numpy")):
        test_normalize.test_weights_within_the_bound(backend, dtype, (2, 13, 17))
        test_normalize.test_gradients_within_the_bound(dtype, backend)
        test_normalize.test_nothing_is_subnormal(dtype, backend)
    for mode in ("column", "row_column"):
        for backend in ("numpy", "numba"):
            test_normalize.test_what_is_masked_has_no_weight_and_no_gradient(backend, mode)
    test_normalize.test_other_modes("row_column")
    for config in test_weights.RELATED:
        for shape in ((6, 4), (9, 9)):
            test_weights.test_factors_are_the_definition(config, shape)
    every = range(len(test_combinations.COMBINATIONS))
    for number in sorted({17, 157, 297, *every[::7], *every[::13]}):  # the three: a mask of a context with attributes
        test_combinations.check(number)
    for path in heads_recorded.files("head"):
        if path.name.startswith(SOME):
            test_recorded.test_results_and_gradients(path, "scores")
    test_combinations.test_powers_are_never_mixed_before_their_matrix()
    test_recorded.test_the_layer()
    test_head.test_heads_side_by_side()
    test_dropout.test_each_is_kept_by_chance_and_the_mean_stays(0.25)
    test_batch_norm.test_training((7, 3))
    test_head.test_gradients_of_a_stack_with_a_context()
    test_head.test_a_shared_head_counts_as_often_as_it_stands_there(3)
    test_head.test_rows_of_zeros_are_padding("scores")
    test_normalize.test_scores_that_overflow_when_they_are_scaled("numba")
    test_head.test_on_an_error_statistics_stand_still()
    test_head.test_padding_is_padding_in_every_layer()
    test_head.test_dtypes("float64", lambda kind: test_head.head(outputs=[], enable_bias=True, dtype=kind), "float16")
    test_head.test_masked_rows_may_hold_anything(lambda: test_head.head(attribute_interdependence="full", batch_num=6))
    for zeros in ("rows", "scores"):
        test_head.test_a_mask_for_each_row(zeros)
    test_head.test_a_score_of_zero_counts_unless_asked()


LINES = [  # module, what stands there, what is put in its place
    ("backends.numba.attention", "s = scale * (scores[j, i] - top[j])", "s = scores[j, i] - top[j]"),
    ("backends.numba.attention", "s = scale * (scores[j, i] - top[j])", "s = scale * (scores[j, i] - top[0])"),
    ("backends.numba.attention", "s = scale * (scores[j, i] - top[j])", "s = scale * scores[j, i] - scale * top[j]"),
    ("backends.numba.attention", "nothing if s < lowest else s", "s"),
    ("backends.numba.attention", "along += g[j, i] * weights[j, i]", "along += g[j, i]"),
    ("backends.numba.attention", "grad[j, i] = scale * weights", "grad[j, i] = weights"),
    ("heads.normalization", "np.putmask(weights, weights < _lowest(weights.dtype), -np.inf)", "pass"),
    ("heads.normalization", "np.putmask(top, top == -np.inf, 0)", "pass"),
    ("heads.normalization", "np.putmask(total, total == 0, 1)", "pass"),
    ("heads.normalization", "weights /= total", "weights /= 1.001 * total"),
    ("heads.normalization", "weights = scores - top", "weights = scores - top[:1, :1, :1]"),
    ("heads.normalization", "found -= found.sum(axis=axis, keepdims=True) * weights", "pass"),
    ("heads.normalization", "found *= scale", "found *= 1.001 * scale"),
    ("heads.normalization", "_softmax(between, 1.0, mask, axis=2)", "_softmax(between, scale, mask, axis=2)"),
    ("heads.normalization", "back(back_again(grad))", "back(grad)"),
    ("heads.interdependence", "a, b = left.apply(x), z", "a, b = left.transposed(x), z"),
    ("heads.interdependence", "left.transposed(da).sum(axis=0)", "left.apply(da).sum(axis=0)"),
    ("heads.interdependence", "pull(left.pull(da, x), None)", "pull(left.pull(x, da), None)"),
    ("heads.interdependence", "right.transposed(da)", "1.001 * right.transposed(da)"),
    ("heads.interdependence", "pull(left.pull(z, db), dright)", "pull(left.pull(db, z), dright)"),
    ("heads.reconciliation", "grad @ x.swapaxes(1, 2))", "1.001 * grad @ x.swapaxes(1, 2))"),
    ("heads.reconciliation", "(mixture.swapaxes(1, 2) @ grad", "(mixture @ grad"),
    ("heads.reconciliation", "earliest=0 if transform.as_is else 1", "earliest=0"),
    ("heads.attention", 'found["b"] = each.sum(axis=(0, 1))', 'found["b"] = grad.sum(axis=0)'),
    ("heads.attention", "dqueries, drows = scored.queries, scored.rows + drows", "dqueries, drows = scored.queries, drows"),
    ("heads.attention", "(found.queries + found.rows).T", "found.queries.T"),
    ("heads.attention", "there if rows is queries else (queries != 0).any(axis=1)", "there"),
    ("heads.attention", "_both(mask, asking[:, None])", "mask"),
    ("heads.attention", "counted if mask is None else counted & mask", "counted"),
    ("heads.attention", "other if mask is None else mask & other", "other"),
    ("heads.attention", "counted = scores != 0", "counted = scores > 0"),
    ("heads.fusion", "grad / len(y)", "grad"),
    ("heads.fusion", "y.mean(axis=0)", "y.sum(axis=0)"),
    ("heads.fusion", "[grad.T @ part for part in parts]", "[grad.T @ parts[0] for part in parts]"),
    ("heads.remainder", "grad.T @ x", "1.001 * grad.T @ x"),
    ("heads.head", "dqueries if given.apart else dqueries + drows", "dqueries"),
    ("heads.head", "np.where(given.mask[:, None], drows, drows.dtype.type(0))", "drows"),
    ("heads.head", "return SCALES[scale](outputs)", "return SCALES[scale](outputs) ** 2"),
    ("heads.operands", "np.where(shown[:, None], rows, w.dtype.type(0))", "rows"),
    ("heads.attending", "buffer.data[...] = data", "pass"),
    ("heads.attending", "pull(g.astype(inner.dtype, copy=False))", "pull(g)"),
    ("heads.layer", "np.tile(dw.reshape(n, 1, -1), (1, repeats, 1))", "np.tile(dw.reshape(n, 1, -1) / repeats, (1, repeats, 1))"),
    ("heads.transformer", "streams[0].context if above is None else above + streams[0].context", "streams[0].context"),
    ("heads.transformer", "mask if there.all() else there if mask is None else mask & there", "mask"),
    ("heads.transformer", "found[key] = found[key] + grad if key in found else grad", "found[key] = grad"),
    ("heads.transforms.taylor", "total[c] += found.x1", "pass"),
    ("heads.transforms.taylor", "dx[c] += found.x2", "pass"),
    ("heads.transforms.taylor", "above[place - 1] += (outer", "above[place - 1] -= (outer"),
    ("heads.transforms.taylor", "dx += (outer * powers", "dx -= (outer * powers"),
    ("heads.transforms.taylor", "power[c % len(x)], here, _weight(matrix", "power[0], here, _weight(matrix"),
    ("heads.weights.operators", "return (left @ right.swapaxes(2, 3)).sum(axis=1)", "return (left @ right.swapaxes(2, 3)).mean(axis=1)"),
    ("heads.weights.operators", "dv[channel, s] += u[channel, p] @ outer", "dv[channel, s] = u[channel, p] @ outer"),
    ("heads.weights.operators", "found[n] = self.u[channel, p][:, None]", "found[n] = self.u[channel, s][:, None]"),
    ("heads.weights.products", "du = outer @", "du = 1.001 * outer @"),
    ("heads.weights.products", ".swapaxes(2, 3).reshape(channels, p * q", ".reshape(channels, p * q"),
    ("heads.weights.low_rank", "a.swapaxes(1, 2) @ full", "1.001 * a.swapaxes(1, 2) @ full"),
    ("heads.weights.lphm", "dv @ t.swapaxes(1, 2)", "1.001 * dv @ t.swapaxes(1, 2)"),
    ("heads.weights.dual_lphm", "joined(dp, dq, ds, dt)", "joined(dp, dq, dt, ds)"),
    ("layers.batch_norm", "normal * (grads[\"weight\"] / len(rows))", "normal * grads[\"weight\"]"),
    ("layers.batch_norm", "variance * (count / (count - 1))", "variance"),
    ("layers.batch_norm", "if training:  # mean", "if False:  # mean"),
    ("layers.dropout", ">= self.p", ">= 1 - self.p"),
    ("layers.dropout", "1 / (1 - self.p) if self.p < 1 else 0", "1"),
]  # fmt: skip

BUGS = lines(LINES, lambda: check)
