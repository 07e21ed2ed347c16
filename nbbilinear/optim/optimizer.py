"""What every optimiser does: hold parameters and state, choose rows, save and load."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..scalars import number
from .checks import Array, Trainable, listed, planned
from .state import load_state


class Optimizer(ABC):
    """Base of the optimisers; a new one names its state arrays and says how a block is updated.

    Parameters
    ----------
    parameters : iterable of Trainable
        Anything with ``data`` and ``grad``, as ``Parameter``. Updated in place by every ``step``; left alone, with
        their state, where ``grad`` is None.
    lr : float
        Learning rate. The attribute may be changed between steps.
    slots : tuple of str
        Names of the state arrays, each of a parameter's shape and dtype, zero at first.

    Raises
    ------
    ConfigError
        An argument has no meaning; the message names it.

    Notes
    -----
    State is allocated here, of zeros (memory that most systems provide only as it is written), so a step allocates
    nothing that lasts. Build the optimiser once the parameters have their dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from nbbilinear.layers import Parameter
    >>> from nbbilinear.optim import SGD
    >>> table = Parameter(np.ones((4, 2)))
    >>> optimizer = SGD([table], lr=0.5)
    >>> table.grad = np.ones((4, 2))
    >>> optimizer.step(touched={table: [2, 2, 0]})
    >>> table.data[:, 0]
    array([0.5, 1. , 0.5, 1. ])
    """

    def __init__(self, parameters: Iterable[Trainable], lr: float, slots: tuple[str, ...]) -> None:
        self.lr = number("lr", lr)
        self.parameters = listed(parameters)
        self._steps = [0] * len(self.parameters)
        self._states: list[dict[str, Array]] = [
            {slot: np.zeros_like(parameter.data) for slot in slots} for parameter in self.parameters
        ]

    def step(self, touched: Mapping[Any, Array] | None = None) -> None:
        """Update every parameter that has a gradient, in place.

        Parameters
        ----------
        touched : mapping of parameter to integer array, optional
            Rows, along the first axis, to which a parameter's update is confined: of its data, gradient and state
            only those are read and written. Any shape, repeats allowed. Parameters not named are updated whole.

        Raises
        ------
        ConfigError
            A key of ``touched`` is not one of the parameters, or a parameter's array is read-only.
        ShapeError, DTypeError
            A gradient or the state does not fit its parameter, or rows are not integers.
        IndexRangeError
            A row is beyond the parameter. Negative ones count from the end.

        Notes
        -----
        Everything is checked before anything is changed. Temporaries have the size of the rows updated.
        """
        for position, rows in planned(self.parameters, self._states, {} if touched is None else touched):
            parameter, state = self.parameters[position], self._states[position]
            self._steps[position] += 1
            if rows is None:
                self._update(parameter.data, parameter.grad, state, self._steps[position], sparse=False)
                continue
            data, blocks = parameter.data[rows], {slot: array[rows] for slot, array in state.items()}
            self._update(data, parameter.grad[rows], blocks, self._steps[position], sparse=True)
            parameter.data[rows] = data
            for slot, array in state.items():
                array[rows] = blocks[slot]

    @abstractmethod
    def _update(self, data: Array, grad: Array, state: dict[str, Array], step: int, *, sparse: bool) -> None:
        """Change ``data`` and the arrays of ``state`` in place; ``grad`` stays. ``step`` counts from 1."""

    def zero_grad(self) -> None:
        """Forget every gradient: ``grad`` becomes None."""
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, Array]:
        """Return a copy of the state: ``"<position>.step"`` and ``"<position>.<slot>"`` for every parameter.

        Positions are those of the parameters given; the arguments (``lr`` and others) are not part of the state.
        """
        state: dict[str, Array] = {}
        for position, (step, slots) in enumerate(zip(self._steps, self._states, strict=True)):
            state[f"{position}.step"] = np.asarray(step)
            state |= {f"{position}.{slot}": array.copy() for slot, array in slots.items()}
        return state

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Copy a state in, as ``state_dict`` of an optimiser of the same kind and parameters returned it.

        Parameters
        ----------
        state : mapping of str to array

        Raises
        ------
        CheckpointError
            A key is missing or unexpected, a shape is wrong, a step is no count; the message lists every fault, and
            nothing was changed.
        """
        self._steps = load_state(self._states, state)
