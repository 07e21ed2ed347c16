"""Optimisers: steps along the gradients of parameters, whole or by touched rows; their learning rates and limits."""

from .adagrad import Adagrad
from .adam import Adam
from .checks import Trainable
from .clip import clip_gradient_values, clip_gradients
from .decays import CosineDecay, StepDecay, Warmup
from .optimizer import Optimizer
from .schedule import Schedule
from .sgd import SGD

__all__ = [
    "SGD", "Adagrad", "Adam", "CosineDecay", "Optimizer", "Schedule", "StepDecay", "Trainable", "Warmup",
    "clip_gradient_values", "clip_gradients",
]  # fmt: skip
