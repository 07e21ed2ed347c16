"""The cells of a product: everybody called once, found right, and their memory measured."""

from functools import partial

from . import memory, subjects
from .cell import Cell, Entrant
from .clock import Sample
from .field import DIRECTIONS, OURS, nbytes

LASTING = 0.1  # seconds: a first call that lasts is a sample too
SLOW, SLOWER = (
    0.25,
    2.5,
)  # seconds, and times ours: what took longer is not run again in another dtype


class WrongError(Exception):
    """A contender's results are not those of the definition."""


class Preparation:
    """What is known about the contenders, from cell to cell."""

    def __init__(self, clock, options, known):
        """``known``: results of other processes."""
        self.clock, self.options, self.warm = clock, options, set()
        self.known, self.operands = {}, {}
        for result in known:
            for name, one in result["field"].items():
                if "rounds" in one:
                    self._learn(result, name, one["seconds"])

    def cells(self, product, contenders, visits):
        """Forward, and forward with backward."""
        operands = self.operands = subjects.operands(product)
        definition = subjects.definition(product.structure, operands)
        directions = DIRECTIONS[:1] if self.options.forward_only else DIRECTIONS
        found = [Cell(product, direction, self.clock, visits) for direction in directions]
        for contender in contenders:
            if contender.same:
                for cell in found:
                    cell.others[contender.name] = {"column": contender.column, "same": True}
                continue
            calls = None
            for which, cell in enumerate(found):
                if expected := self._too_slow(contender, cell):
                    cell.others[contender.name] = {"column": contender.column, "not_run": True, "expected": expected}
                    self._learn(cell.place, contender.name, expected)
                    continue
                if calls is None:
                    self._warm_up(contender, product, operands)
                    calls = contender.prepare(product.structure, operands)
                self._enter(cell, contender, calls[which], definition)
        return found

    def _too_slow(self, contender, cell):
        """The seconds that a call is expected to take, if that is too long; from other dtypes, threads, or forward."""
        if contender.name == OURS:
            return None
        size = int(cell.product.dtype[-2:])
        again = self._known(contender, cell.place, size)
        if again is not None:
            return again if again > max(SLOW, SLOWER * cell.seconds) else None
        forward = self._known(contender, cell.place | {"direction": DIRECTIONS[0]}, size)
        expected = contender.backward * (forward or 0)
        return expected if expected > self.options.slowest else None

    def _known(self, contender, place, size):
        """Seconds of a call of this or another dtype, as if they grew with its size; None if there was none."""
        found = self.known.get(_key(place, contender.name), {})
        return min((seconds * size / other for other, seconds in found.items()), default=None)

    def _warm_up(self, contender, product, operands):
        """Compile, and start threads; what few rows give is checked as well."""
        subject = subjects.of(product.structure)
        key = contender.name, subject.warmed(product)
        if key not in self.warm:
            few = subject.part(product.structure, operands)
            definition = subjects.definition(product.structure, few)
            for call in contender.prepare(product.structure, few):
                self._check(contender, product, few, definition, call())
            self.warm.add(key)

    def _check(self, contender, product, operands, definition, results):
        """WrongError where results are not those of the definition."""
        parameters = getattr(operands.get("weight"), "parameters", ())
        shares = definition.shares(subjects.of(product.structure).named(product.structure, results, parameters))
        if max(shares.values()) > 1:
            errors = ", ".join(f"{name} {share:.3g}" for name, share in shares.items())
            raise WrongError(f"{contender.name} is wrong on {product}: errors over their bounds are {errors}")

    def _enter(self, cell, contender, call, definition):
        """The first call; it counts if it lasts."""
        seconds, extra = self._call(cell, contender, call, definition)
        if seconds < LASTING or contender.compiles:
            again, less = self._call(cell, contender, call, definition)
            seconds, extra = min(seconds, again), None if extra is None else min(extra, less)
        lasts = seconds > LASTING
        repeats = 1 if lasts else self.clock.repeats(call)
        entrant = cell.entrants[contender.name] = Entrant(contender.column, call, repeats, seconds, extra)
        ours = cell.entrants[OURS]
        if lasts:
            sample = Sample(seconds, 0.0)
            entrant.add(sample, sample if entrant is ours else self.clock.sample(ours.call, ours.repeats))
        if entrant is ours:
            cell.seconds = seconds
        self._learn(cell.place, contender.name, seconds)

    def _call(self, cell, contender, call, definition):
        """Seconds, and bytes beside operands and results, of a call whose results are checked."""
        (seconds, results), extra = memory.extra(partial(self.clock.once, call), lambda found: nbytes(found[1]))
        self._check(contender, cell.product, self.operands, definition, results)
        return seconds, extra

    def _learn(self, place, name, seconds):
        self.known.setdefault(_key(place, name), {})[int(place["dtype"][-2:])] = seconds


def _key(place, name):
    return *(place[axis] for axis in ("structure", "size", "direction")), name
