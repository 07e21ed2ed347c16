"""Forms: every step of their products and gradients."""

from functools import partial
from importlib import import_module

import pytest
from conformance import test_forms, test_forms_vjp
from unit import test_sparse_form

from nbbilinear.forms import FORMS

import formed
from ..bugs import Bug, lines
from ..changed import forget

CASES = (
    "rows", "pairs", "index, out axis", "index, one against all", "stacked weight of x1", "stacked weight",
    "index of shared, in pairs",
)  # fmt: skip


KINDS = (  # every core and map is in one of these
    "low_rank_kronecker", "complex_diagonal", "sparse", "biaffine", "block_term", "antisymmetric", "block_diagonal",
    "diagonal",
)  # fmt: skip


def check():
    for name in KINDS:
        for case in CASES:
            if formed.takes(FORMS[name], case):
                test_forms.test_forward_bits(name, case)
                test_forms.test_gradients_are_the_adjoint_bit_for_bit(name, case)
        for case in ("rows", "pairs", "index"):
            for workspace in (200, 600):
                with pytest.MonkeyPatch.context() as patch:
                    test_forms.test_in_many_blocks(name, case, workspace, patch)
        test_forms.test_into_given_arrays_and_added(name, "pairs")
        test_forms_vjp.test_both_are_the_verbs(name, "rows")
        test_forms_vjp.test_both_are_the_verbs_of_one_row(name)
        for keep in (0, 1500) if name in test_forms_vjp.MAPPED else ():
            with pytest.MonkeyPatch.context() as patch:
                test_forms_vjp.test_in_many_blocks_of_which_some_are_kept(name, 600, keep, patch)
        test_forms.test_a_parameter_that_all_of_a_stack_share(name, "index", "numpy")
        for backend in ("numpy", "numba/portable"):
            test_forms.test_on_either_backend(name, "rows", backend)
            test_forms.test_on_either_backend(name, "index, out axis", backend)
            test_forms.test_on_either_backend(name, "index", backend)
    test_sparse_form.test_places_are_sorted_anew_where_inputs_are_exchanged("numpy")
    for name in ("low_rank", "block_term"):
        with pytest.MonkeyPatch.context() as patch:
            test_forms.test_in_tiles(name, patch)
        test_forms.test_within_the_bound_of_the_slow_definition(name, "rows", "float64")


MAPS, RULE, RUN, BIND, STEPS, CALLS, AT_ONCE = "maps", "rule", "run", "bind", "steps", "calls", "at_once"
LINES = [
    (MAPS, "return (self._flat(x, array) @ self._matrix(array))", "return (1.001 * self._flat(x, array) @ self._matrix(array))"),
    (MAPS, "(self._flat(x, array).T @ flat)", "(2 * self._flat(x, array).T @ flat)"),
    (MAPS, "np.matmul(flat, back, out=into)", "np.matmul(-flat, back, out=into)"),
    (MAPS, "dx[:, n] = (flat @ matrix.T)", "dx[:, 0] = (flat @ matrix.T)"),
    (MAPS, "np.matmul(x[:, n].reshape", "np.matmul(x[:, 0].reshape"),
    (MAPS, "return x.sum(axis=1)", "return x.mean(axis=1)"),
    ("cores.complex_diagonal", "-v[..., 0, :]], axis=-2)", "v[..., 0, :]], axis=-2)"),
    ("cores.complex_diagonal", "return ComplexDiagonal(-self.sign)", "return self"),
    ("cores.complex_diagonal", "dv - self._turned(turned)", "dv + self._turned(turned)"),
    ("cores.dot", 'np.einsum("skr,skr->sk", a[:, 0], b[:, 0])', '1.001 * np.einsum("skr,skr->sk", a[:, 0], b[:, 0])'),
    ("cores.dot", "by_output * v if wanted[0]", "by_output * u if wanted[0]"),
    ("cores.dot", "by_output.swapaxes(2, 3) @ a", "2 * by_output.swapaxes(2, 3) @ a"),
    ("cores.diagonal", "products @ c.T if p.which", "1.001 * products @ c.T if p.which"),
    ("cores.diagonal", "du = (g @ _weighted(v, own)).reshape", "du = (2 * g @ _weighted(v, own)).reshape"),
    ("cores.diagonal", "dv = self.pull(g.reshape(shared, m, 1, k), v, u, p, wanted[::-1])", "dv = self.pull(g.reshape(shared, m, 1, k), v, u, p, wanted[::-1])[::-1]"),
    ("cores.diagonal", "return c[p.which] if len(c) > 1", "return c[0 * p.which] if len(c) > 1"),
    ("cores.diagonal", "total[there[starts]] +=", "total[there[starts]] ="),
    ("cores.diagonal", "total[0] += flat.sum(axis=0)", "total[0] += flat.mean(axis=0)"),
    ("cores.diagonal", "found.sum(axis=1)", "found[:, 0]"),
    ("cores.one_sided", "g.sum(axis=1)", "g.mean(axis=1)"),
    ("cores.one_sided", "return OneSided(1 - self.side)", "return self"),
    ("cores.full", "array.swapaxes(-1, -2) if self.exchanged else array\n\n", "array\n\n"),
    ("cores.full", "du[at] = grads.x1[:, :, 0]", "du[at] = 2 * grads.x1[:, :, 0]"),
    ("cores.full", "if q is None else array[q])", "if q is None else array[0])"),
    ("cores.sparse", "np.lexsort((j, i, k))", "np.lexsort((j, k, i))"),
    ("cores.sparse", "du[:, :, where.d_i[d]] +=", "du[:, :, where.d_i[d]] ="),
    ("cores.sparse", "self.order[exchanged.order]", "exchanged.order"),
    ("cores.sparse", "values if self.where.order is None else values[self.where.order]", "values"),
    (STEPS, "return (array + self.sign * array.swapaxes(-1, -2)) / 2", "return array"),
    (STEPS, "self if self.which is None else self._replace(which=self.which[s, m])", "self"),
    (RULE, "                    target += z\n", "                    target[...] = z\n"),
    (RULE, "total[:, rows] += part", "total[:, rows] = part"),
    (RULE, "np.add(dx, found.reshape(dx.shape), out=dx)", "np.copyto(dx, found.reshape(dx.shape))"),
    (RULE, "dx is None or add or dx.dtype != g.dtype", "dx is None or dx.dtype != g.dtype"),
    (RULE, "elif not np.may_share_memory(found, dx):", "elif False:"),
    (RULE, "add or place > 0 or bool(rows.start)", "add or bool(rows.start)"),
    (RULE, "add or place > 0 or bool(rows.start)", "add or place > 0"),
    (RULE, "range(len(maps) - 1, -1, -1)", "range(len(maps))"),
    (RULE, "range(0, total, size)", "range(0, max(1, total - 1), size)"),
    (RULE, "block._replace(mapped=mapped) if fits else block", "block._replace(mapped=mapped)"),
    (RULE, "block._replace(mapped=mapped) if fits else block", "block"),
    (RULE, "block._replace(mapped=mapped) if fits else block", "block._replace(mapped=mapped[::-1]) if fits else block"),
    (RULE, "left -= held(mapped) if fits else 0", "pass"),
    (RULE, "else kept[place]:", "else kept[0]:"),
    (RULE, "else kept[place]:", "else kept[place][:1]:"),
    (AT_ONCE, "p, y[:, None, None], KEPT_BYTES)\n    if bias is not None:\n        y += bias", "p, y[:, None, None], KEPT_BYTES)\n    if bias is not None:\n        y -= bias"),
    (RUN, "d2, add=accumulate, kept=kept)", "d2, add=False, kept=kept)"),
    (BIND, "which if len(part) > 1 else 0", "0"),
    (BIND, "np.add(total, settled, out=total)", "np.copyto(total, settled)"),
    (STEPS, "np.add(self.gradients[name], gradient, out=self.gradients[name])", "pass"),
    (RUN, "if layout.mirrored else form.terms", "if False else form.terms"),
    (RUN, "first=s * m)", "first=0)"),
    (RUN, "                    dx1[s] = d1\n", "                    pass\n"),
    (RUN, "                    dx[...] = 0\n", "                    pass\n"),
    (CALLS, "y += given.bias if given.index is None else given.bias[given.index]", "pass"),
    (CALLS, "np.add(target, gradient, out=target)", "np.copyto(target, gradient)"),
]  # fmt: skip


def scaled(module, part):
    """Compiled loops whose first operand is a thousandth larger: x1, or the gradient of y and then x1."""
    loops = import_module(f"nbbilinear.backends.numba.{module}")
    whole, place = getattr(loops, part), int(part == "backward")
    setattr(loops, part, lambda *given: whole(*given[:place], given[place] * 1.001, *given[place + 1 :]))
    forget()


BUGS = lines(LINES, lambda: check, "forms.") + [
    Bug(f"{module}.{part} off by a thousandth", partial(scaled, module, part), check)
    for module in ("diagonal", "complex_diagonal", "sparse")
    for part in ("forward", "backward")
]
