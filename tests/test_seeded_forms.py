"""The tests of forms tested: every step, broken on purpose, makes the suite fail."""

import importlib
import inspect
import types

import pytest
from conformance import test_forms, test_forms_at_once, test_forms_vjp
from unit import test_sparse_form

from nbbilinear.backends.numba.simd.machine import lacks
from nbbilinear.forms import FORMS

import formed

CASES = (
    "rows", "pairs", "index, out axis", "index, one against all", "stacked weight of x1", "stacked weight",
    "index of shared, in pairs",
)  # fmt: skip


KINDS = (  # every core and map is in one of these
    "low_rank_kronecker", "complex_diagonal", "sparse", "biaffine", "block_term", "antisymmetric", "block_diagonal",
    "diagonal",
)  # fmt: skip


def suite(monkeypatch):
    for name in KINDS:
        for case in CASES:
            if formed.takes(FORMS[name], case):
                test_forms.test_forward_bits(name, case)
                test_forms.test_gradients_are_the_adjoint_bit_for_bit(name, case)
        for case in ("rows", "pairs", "index"):
            for workspace in (200, 600):
                with monkeypatch.context() as patch:
                    test_forms.test_in_many_blocks(name, case, workspace, patch)
        test_forms.test_into_given_arrays_and_added(name, "pairs")
        test_forms_vjp.test_both_are_the_verbs(name, "rows")
        for keep in (0, 1500) if name in test_forms_vjp.MAPPED else ():
            with monkeypatch.context() as patch:
                test_forms_vjp.test_in_many_blocks_of_which_some_are_kept(name, 600, keep, patch)
        test_forms.test_a_parameter_that_all_of_a_stack_share(name, "index", "numpy")
        for backend in ("numpy", "numba/portable"):
            test_forms.test_on_either_backend(name, "rows", backend)
            test_forms.test_on_either_backend(name, "index, out axis", backend)
            test_forms.test_on_either_backend(name, "index", backend)
    test_sparse_form.test_places_are_sorted_anew_where_inputs_are_exchanged("numpy")
    for name in ("low_rank", "block_term"):
        with monkeypatch.context() as patch:
            test_forms.test_in_tiles(name, patch)
        test_forms.test_within_the_bound_of_the_slow_definition(name, "rows", "float64")


def caught(monkeypatch):
    try:
        suite(monkeypatch)
    except (AssertionError, IndexError, ValueError, TypeError):
        return True
    return False


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


@pytest.mark.parametrize(
    ("module", "line", "instead"), LINES, ids=lambda v: v.strip()[:40] if isinstance(v, str) else None
)
def test_a_changed_line_is_caught(monkeypatch, module, line, instead):
    whole = importlib.import_module(f"nbbilinear.forms.{module}")
    source = inspect.getsource(whole)
    assert line in source, "the step has changed: change the bug with it"
    broken = types.ModuleType(whole.__name__)
    broken.__package__ = whole.__name__.rpartition(".")[0]
    exec(compile(source.replace(line, instead), module, "exec"), broken.__dict__)
    replace(monkeypatch, whole, broken)
    assert caught(monkeypatch)


def at_home(function, whole):
    """The function with the globals of the module that it replaces, so that tests patch those it sees."""
    if function.__globals__ is vars(whole) or hasattr(function, "__wrapped__"):
        return function
    moved = types.FunctionType(function.__code__, vars(whole), function.__name__, function.__defaults__)
    moved.__kwdefaults__ = function.__kwdefaults__
    return moved


OF_TUPLES = ("__new__", "__repr__", "__getnewargs__", "__replace__", "_replace", "_asdict", "_make")


def replace(monkeypatch, whole, broken):
    """Every function and method of a module by that of another, wherever it was imported to."""
    for name, thing in vars(broken).items():
        old = getattr(whole, name, None)
        if inspect.isfunction(thing) and thing.__module__ == whole.__name__:
            better = at_home(thing, whole)
            for user in [
                m for n, m in importlib.import_module("sys").modules.items() if n.startswith("nbbilinear.forms")
            ]:
                if vars(user).get(name) is old:
                    monkeypatch.setattr(user, name, better)
        elif inspect.isclass(thing) and thing.__module__ == whole.__name__:
            for method, function in vars(thing).items():
                if inspect.isfunction(function) and method not in OF_TUPLES:
                    monkeypatch.setattr(old, method, function)


@pytest.mark.parametrize("module", ["diagonal", "complex_diagonal", "sparse"])
@pytest.mark.parametrize("part", ["forward", "backward"])
def test_compiled_loops_off_by_a_thousandth_are_caught(monkeypatch, module, part):
    loops = importlib.import_module(f"nbbilinear.backends.numba.{module}")
    whole = getattr(loops, part)
    operands = 1 if part == "backward" else 0
    monkeypatch.setattr(
        loops, part, lambda *args: whole(*args[:operands], args[operands] * 1.001, *args[operands + 1 :])
    )
    assert caught(monkeypatch)


@pytest.mark.skipif(lacks() is not None, reason="the kernels need vectors with fused multiply-add")
@pytest.mark.parametrize(("name", "module", "line", "instead"), [
    ("low_rank", "tiles", "words.multiply(a, b), z", "words.plus(a, b), z"),
    ("low_rank", "tiles", "places[-1][0]", "places[0][0]"),
    ("low_rank", "tiles", "(None, output, words.times(output, 2))", "(None, output, output)"),
    ("low_rank", "tiles", "map(words.plus, sums, here)", "here"),
    ("low_rank", "low_rank", "first, stop - first, rank", "first, stop - first - 1, rank"),
    ("low_rank", "low_rank", "z + p * z_bytes, y_panels", "z, y_panels"),
    ("cp", "mixed", "z_bytes + r * line,", "z_bytes,"),
    ("cp", "mixed", "b_tiles + r * in2 * size", "b_tiles"),
    ("diagonal", "mixed", "mix, where(c) + k * row", "mix, where(c)"),
    ("diagonal", "tiles", "there = self.add(address, self._apart)", "there = address"),
])  # fmt: skip
def test_a_changed_line_of_a_kernel_is_caught(monkeypatch, name, module, line, instead):
    whole = importlib.import_module(f"nbbilinear.backends.numba.forms.{module}")
    source = inspect.getsource(whole)
    assert line in source, "the kernel has changed: change the bug with it"
    broken = types.ModuleType(whole.__name__)
    broken.__package__ = whole.__package__
    exec(compile(source.replace(line, instead), module, "exec"), broken.__dict__)
    for user in ("low_rank", "mixed"):
        there = importlib.import_module(f"nbbilinear.backends.numba.forms.{user}")
        fresh = there.code_of.__wrapped__  # no code from before, and none left behind
        monkeypatch.setattr(there, "code_of", types.FunctionType(fresh.__code__, vars(there), "code_of"))
        if module == "tiles":
            monkeypatch.setattr(there, "tiles", broken)
    if module != "tiles":
        for function in ("forward", "code_of"):
            changed = getattr(broken, function)
            changed = getattr(changed, "__wrapped__", changed)
            monkeypatch.setattr(whole, function, changed)

    def every_size():
        for sizes in test_forms_at_once.SIZES:
            test_forms_at_once.test_kernels_bit_for_bit(name, sizes, 70, "float64", monkeypatch)

    with pytest.raises((AssertionError, IndexError)):
        every_size()


def test_honest_steps_pass(monkeypatch):
    replace(
        monkeypatch, importlib.import_module("nbbilinear.forms.maps"), importlib.import_module("nbbilinear.forms.maps")
    )
    assert not caught(monkeypatch)
