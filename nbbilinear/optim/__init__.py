"""Optimisers: steps along the gradients of parameters, whole or by touched rows."""

from .adam import Adam
from .checks import Trainable
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer", "Trainable"]
