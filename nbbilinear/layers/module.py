"""Containers of parameters: names, states, training mode, dtype."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Self

from ..errors import BackendError, LayerError
from ..scalars import flag
from .arguments import Array, check_device, parameter_dtype
from .parameter import Buffer, Parameter
from .state import LoadReport, load_state


class Module:
    """Something with parameters, and with modules that have parameters.

    Parameters and modules found among the attributes, in the order in which they were defined, are its children;
    so are those inside lists, tuples and dictionaries. Names are attribute names joined by dots. There is no
    registration: what is an attribute now, counts now. ``super().__init__()`` need not be called.

    Attributes
    ----------
    training : bool
        True until ``eval()``. In training mode a layer keeps its inputs for one ``backward``.

    Notes
    -----
    ``copy.copy`` shares the parameters, ``copy.deepcopy`` and ``pickle`` copy them with their gradients; none of them
    carries inputs kept for ``backward``.
    Source: ``torch.nn.Module`` (same names for parameters and states).

    Examples
    --------
    >>> from nbbilinear.layers import Bilinear, Module
    >>> class Pair(Module):
    ...     def __init__(self):
    ...         self.first = Bilinear(3, 4, 2, rng=0)
    ...         self.others = [Bilinear(2, 2, 1, bias=False, rng=1)]
    >>> [name for name, parameter in Pair().named_parameters()]
    ['first.weight', 'first.bias', 'others.0.weight']
    """

    training: bool = True
    on_cpu_only: ClassVar[str] = ""  # why it cannot be on a device, and the remedy; nothing where it can
    _kept: Any = None

    def modules(self) -> Iterator["Module"]:
        """Yield this module and every module below it, each once."""
        found = {id(self): self} | {id(child): child for _, child in _walk(self) if isinstance(child, Module)}
        yield from found.values()

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield every parameter with its dotted name; a shared one once, under its first name."""
        seen: set[int] = set()
        for name, parameter in _named(self):
            if id(parameter) not in seen and not isinstance(parameter, Buffer):
                seen.add(id(parameter))
                yield name, parameter

    def parameters(self) -> Iterator[Parameter]:
        """Yield every parameter once, in the order of definition."""
        yield from (parameter for _, parameter in self.named_parameters())

    def zero_grad(self) -> None:
        """Forget every gradient: ``grad`` becomes None."""
        for parameter in self.parameters():
            parameter.grad = None

    def train(self) -> Self:
        """Turn training mode on, here and below; return this module."""
        for module in self.modules():
            module.training = True
        return self

    def eval(self) -> Self:
        """Turn training mode off, here and below, and release inputs kept for ``backward``; return this module."""
        for module in self.modules():
            module.training = False
            module.release()
        return self

    def release(self) -> None:
        """Let go of the inputs kept for ``backward``, if any; modules below are left alone."""
        self._kept = None

    def to(self, device: str | None = None, dtype: Any = None) -> Self:
        """Convert or move parameters, gradients and buffers, here and below; what ``backward`` needs is released.

        Parameters
        ----------
        device : {"cpu", "cuda", "cuda:N"}, optional
            On a CUDA device parameters are arrays of CuPy, and so must inputs be.
        dtype : float32 or float64, optional

        Returns
        -------
        Module
            This module; the parameters are the same objects with new data.

        Raises
        ------
        BackendError
            CUDA cannot be used here, or not by a module in this; the message says what is missing.
        ConfigError
            The device is unknown.
        DTypeError
            Parameters cannot have this dtype.

        Notes
        -----
        Cost: one copy of every array whose dtype or device differs. On error nothing is changed. Optimisers keep their
        state where it was: make them after the move.

        Examples
        --------
        >>> from nbbilinear.layers import Bilinear
        >>> Bilinear(2, 2, 1, rng=0).to(dtype="float64").weight.dtype
        dtype('float64')
        """
        check_move(self, device)
        if device is dtype is None:
            return self
        wanted = None if dtype is None else parameter_dtype(dtype)
        converted = [(p, p.converted(wanted, device)) for p in {id(p): p for _, p in _named(self)}.values()]
        for parameter, (data, grad) in converted:
            parameter.data, parameter.grad = data, grad
        for module in self.modules():
            module.release()
        return self

    def state_dict(self) -> dict[str, Array]:
        """Return a copy of the data of every parameter and buffer under its dotted name; a shared one under each."""
        return {name: parameter.data.copy() for name, parameter in _named(self)}

    def load_state_dict(self, state: Mapping[str, Array], *, strict: bool = True) -> LoadReport:
        """Copy a state into the parameters.

        Parameters
        ----------
        state : mapping of parameter name to array
            As ``state_dict`` returns it; any real dtype, cast to the parameter's. Whatever ``numpy.asarray`` reads will
            do, as a torch state on the processor.
        strict : bool, optional
            Refuse a state that does not fit in every name and shape. Otherwise load what fits and report the rest.

        Returns
        -------
        LoadReport
            Names ``missing``, ``unexpected`` and ``mismatched``; all empty where ``strict``.

        Raises
        ------
        CheckpointError
            The state does not fit; the message lists every fault, and nothing was changed.

        Notes
        -----
        Cost: one pass over the arrays, and a copy of those whose dtype differs.
        Source: ``torch.nn.Module.load_state_dict``, which raises for a wrong shape in either mode.

        Examples
        --------
        >>> from nbbilinear.layers import Bilinear
        >>> trained, plain = Bilinear(3, 4, 5, rng=0), Bilinear(3, 4, 5, bias=False, rng=1)
        >>> plain.load_state_dict(trained.state_dict(), strict=False)
        LoadReport(missing=(), unexpected=('bias',), mismatched=())
        """
        return load_state(dict(_named(self)), state, owner=type(self).__name__, strict=flag("strict", strict))

    def _keep(self, inputs: Any) -> None:
        """Hold references to a forward's inputs for the one ``backward`` that may follow."""
        self._kept = inputs if self.training else None

    def _recall(self) -> Any:
        if self._kept is None:
            raise LayerError(
                f"{type(self).__name__}.backward has no inputs: call the layer in training mode first, once for each "
                "backward (after eval() nothing is kept); vjp gives a gradient that can be called again"
            )
        return self._kept

    def __getstate__(self) -> dict[str, Any]:
        # A copied or saved model must not drag the last batch along.
        return {name: value for name, value in vars(self).items() if name != "_kept"}


def check_move(module: Module, device: str | None) -> None:
    """Refuse a device that is unknown, cannot be used here, or by a module that is on the CPU only."""
    if isinstance(device, str) and device.partition(":")[0] == "cuda":
        for one in module.modules():
            if one.on_cpu_only:
                raise BackendError(f"{type(one).__name__}: device {device!r} cannot be used: {one.on_cpu_only}")
    check_device(device)


def _named(module: Module) -> Iterator[tuple[str, Parameter]]:
    yield from ((name, child) for name, child in _walk(module) if isinstance(child, Parameter))


def _walk(holder: object, prefix: str = "", above: tuple[object, ...] = ()) -> Iterator[tuple[str, object]]:
    if any(holder is one for one in above):  # a child that refers to its parent is no loop of names
        return
    for key, child in _members(holder):
        if isinstance(child, (Parameter, Module)):
            yield f"{prefix}{key}", child
        yield from _walk(child, f"{prefix}{key}.", (*above, holder))


def _members(holder: object) -> Iterable[tuple[object, object]]:
    if isinstance(holder, Module):
        return vars(holder).items()
    if isinstance(holder, dict):
        return holder.items()
    return enumerate(holder) if isinstance(holder, (list, tuple)) else ()
